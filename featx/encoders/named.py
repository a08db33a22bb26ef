"""Things by the name of their module or file, and their own: ``"file.py:Thing"``."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from featx.errors import FeatxError, MissingDataError, ParameterError


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
    where, colon, what = name.partition(":")
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
    except Exception as error:  # whatever the user's own code raises
        raise ParameterError(
            f"Got {name!r}, but {where} cannot be imported, {type(error).__name__}: "
            f"{first_line(error)}."
        ) from error
    for part in what.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise ParameterError(f"Got {name!r}, but {where} has no {part}.{hint}")
        found = getattr(found, part)
    return found


def _import_file(place: str) -> ModuleType:
    """Import a file, under a name that no other file has."""
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise MissingDataError(f"Got {place!r}, but there is no such file.")
    known = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"{path.stem}_{known}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


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


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind.

    >>> first_line(ValueError("no such thing."))
    'no such thing'
    """
    text = str(error).strip().split("\n")[0].rstrip(".")
    return text or type(error).__name__
