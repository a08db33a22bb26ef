"""Code: which version or which files decide what a class or a function does."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

Code = type | FunctionType

# of each module's file: the import that it was first looked at after, and its content then
_SEEN: dict[tuple[str, str], tuple[object, str]] = {}


class UnknownCodeError(TypeError):
    """Code that cannot be told from other code of the same name."""


def code_of(thing: Code) -> list[str]:
    """Say what decides how a class or a function behaves.

    What was installed is known by its version. All other code is known by the content of
    the file that it stands in and of the files that this one imports; a class by those of
    its bases too.

    Parameters
    ----------
    thing : type or function
        Found in its module under its name.

    Returns
    -------
    list of str
        Full names, each with a version or with digests of files.

    Raises
    ------
    UnknownCodeError
        If it has no file, or the file has changed since it was imported.

    Examples
    --------
    >>> from featx import RawPixels, __version__
    >>> code_of(RawPixels) == ["featx.autoencoders.raw.RawPixels", __version__]
    True
    """
    found = []
    for one in thing.__mro__ if isinstance(thing, type) else (thing,):
        found.append(full_name(one))
        installed = _version(one.__module__)
        if installed is not None:
            found.append(installed)
            if one is thing:
                break  # its bases came with it
        else:
            _check_source(one)
            file = str(_file(one.__module__))
            found.extend(_digests(file, one.__module__, {}).values())
    return found


def full_name(thing: Code) -> str:
    """Return the module and the name of a class or a function."""
    return f"{thing.__module__}.{thing.__qualname__}"


def _version(module: str) -> str | None:
    """Version of the package that a module was installed with; None of own code."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    file = _file(top) or _file(module)
    if top != "featx" and not (file and _is_installed(file)):
        return None
    stated = getattr(sys.modules.get(top), "__version__", None)
    return str(stated) if stated else _distribution(top)


@cache
def _distribution(top: str) -> str | None:
    names = packages_distributions().get(top, [])
    return ", ".join(f"{name} {version(name)}" for name in sorted(set(names))) or None


def _file(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file else None


def _is_installed(file: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(file.parts)


def _check_source(thing: Code) -> None:
    """Raise UnknownCodeError unless a file holds just the code that runs."""
    named: Any = sys.modules.get(thing.__module__)
    for part in thing.__qualname__.split("."):
        named = getattr(named, part, None)
    file = _file(thing.__module__)
    if named is not thing or file is None or not file.is_file():
        raise UnknownCodeError(
            f"{full_name(thing)} is not in a file under its name, so that its code cannot "
            "be known again. Define it at the top of a module."
        )
    members = vars(thing).values() if isinstance(thing, type) else [thing]
    running = [
        code
        for code in map(_compiled, members)
        if code is not None and Path(code.co_filename) == file
    ]
    if file.suffix == ".py" and running:
        loader = SourceFileLoader(thing.__module__, str(file))
        there = list(_nested(loader.source_to_code(file.read_bytes(), str(file))))
        if any(code not in there for code in running):
            raise UnknownCodeError(
                f"{file} has changed since {full_name(thing)} was imported from it. "
                "Start Python again."
            )


def _compiled(member: object) -> CodeType | None:
    """Code of a function, a method or a property of a class."""
    for wrapped in ("__func__", "fget", "func"):
        member = getattr(member, wrapped, member)
    found = getattr(inspect.unwrap(member), "__code__", None)  # type: ignore[arg-type]
    return found if isinstance(found, CodeType) else None


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _digests(file: str, module: str, known: dict[str, str]) -> dict[str, str]:
    """Digests of a file and of all own files that it imports, by their paths."""
    content = Path(file).read_bytes()
    known[file] = hashlib.sha256(content).hexdigest()
    _check_unchanged(file, module, known[file])
    if file.endswith(".py"):
        for name in _imports(content, module):
            spec = None
            with suppress(ImportError, ValueError, AttributeError):
                spec = find_spec(name)
            origin = spec.origin if spec and spec.has_location else None
            if (
                origin
                and origin not in known
                and name.partition(".")[0] not in {"featx", *sys.stdlib_module_names}
                and not _is_installed(Path(origin))
            ):
                _digests(origin, name, known)
    return known


def _check_unchanged(file: str, module: str, digest: str) -> None:
    """Raise UnknownCodeError if a file is no longer what was looked at before.

    What runs is what was imported, constants and all; a new import is looked at anew.
    """
    if module not in sys.modules:  # it is imported when it is used, if ever
        return
    # a script has no spec
    imported = getattr(sys.modules[module], "__spec__", None) or sys.modules[module]
    before, content = _SEEN.setdefault((module, file), (imported, digest))
    if before is not imported:
        _SEEN[module, file] = imported, digest
    elif content != digest:
        raise UnknownCodeError(
            f"{file} has changed since {module} was imported from it. Start Python again."
        )


def _imports(source: bytes, module: str) -> Iterator[str]:
    """Full names of the modules that a file imports anywhere, and of what may be some."""
    package = getattr(sys.modules.get(module), "__package__", "") or ""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            with suppress(ImportError):
                name = resolve_name(name, package)
                yield name
                yield from (f"{name}.{alias.name}" for alias in node.names)
