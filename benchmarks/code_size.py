"""Count the code of commits: lines, files, the longest functions and signatures.

python -m benchmarks.code_size                    as it stands in this folder
python -m benchmarks.code_size 2123963 HEAD       commits, side by side
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("code", "import", "docstring", "comment", "blank")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(commit: str | None) -> dict[str, str]:
    """Read the package's files by name, of a commit or of this folder."""
    if commit is None:
        files = sorted((ROOT / "featx").rglob("*.py"))
        return {str(f.relative_to(ROOT)): f.read_text("utf-8") for f in files}
    listing = _git("ls-tree", "-r", "--name-only", commit, "featx")
    names = [name for name in listing.split() if name.endswith(".py")]
    return {name: _git("show", f"{commit}:{name}") for name in names}


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", "-C", ROOT, *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def line_kinds(source: str, tree: ast.Module) -> list[str]:
    """Say of each line what it is, one of `KINDS`."""
    kinds = []
    for line in source.splitlines():
        text = line.strip()
        kinds.append(
            "blank" if not text else "comment" if text.startswith("#") else "code"
        )
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            mark(kinds, node, "import")
        elif isinstance(node, ast.Module | ast.ClassDef | Function):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                mark(kinds, first, "docstring")
    return kinds


def mark(kinds: list[str], node: ast.stmt, kind: str) -> None:
    """Note that all lines of a statement are of one kind."""
    for line in range(node.lineno - 1, node.end_lineno or node.lineno):
        kinds[line] = kind


def functions(tree: ast.Module, kinds: list[str]) -> Iterator[tuple[str, int, int]]:
    """Give the name of each function, its lines of code and its parameters."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            lines = kinds[node.lineno - 1 : node.end_lineno]
            given = node.args
            names = [
                a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)
            ]
            n_parameters = len([name for name in names if name not in ("self", "cls")])
            n_lines = sum(kind in ("code", "import") for kind in lines)
            yield node.name, n_lines, n_parameters


def count(files: Mapping[str, str]) -> dict[str, str]:
    """Count what the table shows."""
    lines: Counter[str] = Counter()
    found, constructors = [], []
    for name, source in files.items():
        tree = ast.parse(source)
        kinds = line_kinds(source, tree)
        lines.update(kinds)
        for function, n_lines, n_parameters in functions(tree, kinds):
            place = f"{function} in {name.removeprefix('featx/')}"
            one = (n_lines, n_parameters, place)
            (constructors if function == "__init__" else found).append(one)
    largest = max(files, key=lambda name: files[name].count("\n"))
    longest = max(found)
    widest = max(found, key=lambda one: one[1])
    n_lines = [source.count("\n") for source in files.values()]
    return {
        "files": f"{len(files)}",
        "lines": f"{sum(n_lines):,}",
        **{f"  {kind}": f"{lines[kind]:,}" for kind in KINDS},
        "files over 300 lines": f"{sum(n > 300 for n in n_lines)}",
        "largest file": f"{max(n_lines)}, {largest.removeprefix('featx/')}",
        "functions over 60 lines of code": f"{sum(n > 60 for n, _, _ in found)}",
        "longest function": f"{longest[0]}, {longest[2]}",
        "most parameters": f"{widest[1]}, {widest[2]}",
        "most parameters of a constructor": f"{max(n for _, n, _ in constructors)}",
    }


def main(commits: list[str]) -> None:
    """Print a table, a column for each commit."""
    tables = [count(sources(commit)) for commit in commits or [None]]
    rows = [("", commits or ["now"])]
    rows += [(name, [table[name] for table in tables]) for name in tables[0]]
    for name, cells in rows:
        print(f"{name:<33}" + "".join(f"{cell:<44}" for cell in cells).rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
