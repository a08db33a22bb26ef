"""Pages that hold tables of what was measured, each between two comments."""

from __future__ import annotations


def with_section(page: str, name: str, content: str) -> str:
    r"""Return a page with the content in the place of that name.

    Raises ValueError if the page has no such place.

    >>> with_section("<!-- a begin -->old<!-- a end -->.", "a", "new")
    '<!-- a begin -->\nnew\n<!-- a end -->.'
    """
    begin, end = f"<!-- {name} begin -->", f"<!-- {name} end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"Got a page without {begin} and {end}, but expected both.")
    return f"{before}{begin}\n{content}\n{end}{after}"
