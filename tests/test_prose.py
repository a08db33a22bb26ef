"""The project is written as docs/style.md says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
STYLE = ROOT / "docs" / "style.md"
SPELLED = ["featx", "docs", "benchmarks", ".github", "pyproject.toml", "CITATION.cff"]
MAX_WORDS = 30

COMMENTS = re.compile(r"^```.*?^```|<!--.*?-->", re.DOTALL | re.MULTILINE)
NO_SENTENCES = re.compile(r"^\|.*$|^#.*$", re.MULTILINE)
BLOCKS = re.compile(r"\n\s*\n|^\s*(?:[-*]|\d+\.)\s+", re.MULTILINE)
ENDS = re.compile(r"(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<=[.!?])[)*_\"]*\s+")


def prose(markdown):
    """Text of a page without blocks of code; inline code is one word."""
    text = COMMENTS.sub("\n\n", markdown)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)  # of a link, its words
    return re.sub(r"`[^`]+`", "CODE", text)


def sentences(markdown):
    """Sentences of paragraphs and lists, each as its words."""
    for block in BLOCKS.split(NO_SENTENCES.sub("\n\n", prose(markdown))):
        for sentence in ENDS.split(block):
            if words := re.findall(r"\S*\w\S*", sentence):
                yield words


def long_ones(markdown):
    return [" ".join(s) for s in sentences(markdown) if len(s) > MAX_WORDS]


def avoided(style):
    """Words of the table's second column."""
    rows = re.findall(r"^\| .* \| (.*) \|$", style, re.MULTILINE)
    assert rows[0] == "not"
    return [word for row in rows[1:] for word in row.split(", ")]


def codespell(*arguments, text=None):
    return subprocess.run(
        [sys.executable, "-m", "codespell_lib", *arguments],
        cwd=ROOT, input=text, capture_output=True, text=True,
    )  # fmt: skip


def test_sentences_of_the_readme_are_short():
    assert not long_ones((ROOT / "README.md").read_text("utf-8"))


def test_long_sentences_are_seen():
    words = "word " * 29
    assert not long_ones(f"{words}end. {words}end.\n\n- {words}end\n- {words}end\n")
    assert not long_ones(f"{words}[end](https://of/a/link and a title)")
    assert not long_ones(f"# {words} {words}\n\n| {words} {words} |")
    assert not long_ones(f"{words}`code that has more words` \n```\n{words}\n```\n")
    assert long_ones(f"{words}two more.") == [f"{words}two more."]
    assert len(long_ones(f"{words}end; {words}end.\n\n{words}(e.g. this) end.")) == 2


def test_words_are_spelled_as_americans_do():
    done = codespell(*map(str, PAGES), *(str(ROOT / name) for name in SPELLED))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("wrong", "right"), [("neighbour", "neighbor"), ("recieve", "receive")]
)
def test_words_that_are_misspelled_are_seen(wrong, right):
    done = codespell("-", text=f"A {wrong}.\n")
    assert done.returncode != 0 and right in done.stdout


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != STYLE], ids=lambda page: page.name
)
def test_one_word_for_one_thing(page):
    words = "|".join(map(re.escape, avoided(STYLE.read_text("utf-8"))))
    found = re.findall(rf"\b(?:{words})s?\b", prose(page.read_text("utf-8")), re.I)
    assert not found, f"docs/style.md has another word for {found}"
