"""Names of files and classes come from strangers: how they are printed and written."""

from __future__ import annotations

import codecs
import re

# C0 but for tab and line break, DEL, and C1: a terminal may take them for commands
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FORMULA = ("=", "+", "-", "@")
NAMES_AS_BYTES = "featx-names-as-bytes"  # for the argument `errors` of an encoding


def printable(text: str) -> str:
    r"""Escape control characters, which a terminal may take for commands.

    Tabs and line breaks stay what they are.

    >>> print(printable("cat\x1b[2J"))
    cat\x1b[2J
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def safe_cell(name: str) -> str:
    """Put an apostrophe before a name that a spreadsheet would take for a formula.

    >>> safe_cell("=HYPERLINK(1)"), safe_cell("cat")
    ("'=HYPERLINK(1)", 'cat')
    """
    return f"'{name}" if name.startswith(_FORMULA) else name


def file_name(text: str) -> str:
    """Make a name of a file or folder, which every system takes, of any text.

    Windows takes no colons, question marks and the like, nor a dot at the end.

    >>> file_name("confusion_torchvision:resnet18_svm"), file_name("what? .")
    ('confusion_torchvision-resnet18_svm', 'what')
    """
    return re.sub(r"[^\w.-]+", "-", text)[:100].strip(".-") or "data"


def _names_as_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write the bytes of a file name that is not text; escape anything else."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(NAMES_AS_BYTES, _names_as_bytes)
