"""Things by the name of their module or file, and their own: ``"file.py:Thing"``."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import cloudpickle  # joblib and loky pickle with it

from featx.errors import (
    FeatxError,
    MissingDataError,
    ParameterError,
    did_you_mean,
)

_FROM_FILES: list[ModuleType] = []


def import_named(name: str) -> Any:
    """Import what stands in a module under a name.

    Raises
    ------
    ParameterError
        If there is no such module, or nothing of that name in it.

    Examples
    --------
    >>> import_named("math:floor")(2.5)
    2
    """
    where, colon, what = name.rpartition(":")  # a drive of Windows has one, too
    if not colon or not where or not what:
        raise ParameterError(
            f"Got {name!r}, but expected 'package.module:Thing' or 'file.py:Thing'."
        )
    try:
        found: Any = (
            _import_file(where)
            if where.endswith(".py")
            else importlib.import_module(where)
        )
    except FeatxError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        missing = isinstance(error, ModuleNotFoundError) and not where.endswith(".py")
        hint = f" A file is named with its end, as file.py:{what}." if missing else ""
        raise ParameterError(
            f"Got {name!r}, but {where} cannot be imported, {type(error).__name__}: "
            f"{first_line(error)}.{hint}"
        ) from error
    for part in what.split("."):
        if not hasattr(found, part):
            hint = did_you_mean(part, dir(found))
            raise ParameterError(f"Got {name!r}, but {where} has no {part}.{hint}")
        found = getattr(found, part)
    return found


def _import_file(place: str) -> ModuleType:
    """Import a file, under a name that no other file has."""
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise MissingDataError(f"Got {place!r}, but there is no such file.")
    content = path.read_bytes()
    # of its place and content: two files, or two versions of one, are two modules
    known = hashlib.sha256(str(path).encode() + b"\0" + content).hexdigest()[:16]
    name = f"{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}_{known}"
    if name in sys.modules:
        return sys.modules[name]
    _forget_others(path.parent)
    reader = _Reader(name, str(path), content)
    spec = importlib.util.spec_from_file_location(name, path, loader=reader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before = {*sys.modules}
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # what stands beside it can be imported
    try:
        reader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    _FROM_FILES.append(module)
    for one in {*sys.modules} - before:
        helper = sys.modules[one]
        if Path(getattr(helper, "__file__", None) or "").parent == path.parent:
            _FROM_FILES.append(helper)
    send_along(cloudpickle)
    return module


class _Reader(SourceFileLoader):
    """Runs what was read, not what was compiled from an earlier version."""

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self.content = content

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.content, self.path)


def _forget_others(folder: Path) -> None:
    """Let a file import what stands beside it, not what stands beside another file."""
    for module in _FROM_FILES:
        file = Path(module.__file__ or "")
        known = sys.modules.get(module.__name__) is module
        if known and file.parent != folder and (folder / file.name).exists():
            if module.__name__ == file.stem:  # a helper, not a file that was named
                del sys.modules[module.__name__]


def send_along(pickler: Any) -> None:
    """Let workers get what stands in files: they could not import it by its name.

    Parameters
    ----------
    pickler : module
        The cloudpickle of joblib or of Ray.
    """
    for module in _FROM_FILES:
        if sys.modules.get(module.__name__) is module:
            pickler.register_pickle_by_value(module)


def made(make: Any, name: str) -> Any:
    """Call what makes something, without parameters.

    Raises
    ------
    ParameterError
        If it cannot be called, or raises an error.
    """
    if not callable(make):
        raise ParameterError(
            f"Got {name!r}, which is {type(make).__name__}, but expected a class, a "
            "function or an object that has fit and transform."
        )
    try:
        return make()
    except FeatxError:
        raise
    except Exception as error:  # whatever the user's own code raises
        raise ParameterError(
            f"Got {name!r}, but it raised {type(error).__name__}: {first_line(error)}. "
            "Expected what needs no parameters."
        ) from error


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind.

    >>> first_line(ValueError("no such thing."))
    'no such thing'
    """
    text = str(error).strip().split("\n")[0].rstrip(".")
    return text or type(error).__name__
