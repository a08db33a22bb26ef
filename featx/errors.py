"""The errors featx raises on purpose.

::

    FeatxError
    ├── DataError        (ValueError)         images or labels that cannot be used
    │   └── MissingDataError (FileNotFoundError)  a path or data set that is not there
    ├── ParameterError   (ValueError)         a name or value that is not known
    ├── TrainingError    (RuntimeError)       training went wrong (non-finite loss)
    ├── CacheError       (OSError)            the cache folder cannot be read or written
    ├── StorageError     (OSError)            files on another machine cannot be reached
    ├── BundleError      (ValueError)         a model file that cannot be trusted or read
    └── DependencyError  (ImportError)        an optional library is missing or broken

Each one also inherits the standard error that callers already catch. The command line
prints their message as one line and ends with exit code 1.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable

from featx.system import for_shell


class FeatxError(Exception):
    """Base of every error that featx raises on purpose."""


class FeatxWarning(UserWarning):
    """Something was done in another way than asked for, and featx continued."""


class DataError(FeatxError, ValueError):
    """Images or labels that cannot be used as they are."""


class MissingDataError(DataError, FileNotFoundError):
    """A path or a named data set that does not exist."""

    __str__ = Exception.__str__


class ParameterError(FeatxError, ValueError):
    """An unknown name or an impossible value."""


class TrainingError(FeatxError, RuntimeError):
    """Training an autoencoder went wrong."""


class CacheError(FeatxError, OSError):
    """The cache folder cannot be read or written."""

    __str__ = Exception.__str__


class StorageError(FeatxError, OSError):
    """Files on another machine cannot be reached."""

    __str__ = Exception.__str__


class BundleError(FeatxError, ValueError):
    """A model file that is damaged, unsafe or too new."""


class DependencyError(FeatxError, ImportError):
    """An optional library is missing or does not import."""


def unknown_name(what: str, got: object, known: Iterable[str]) -> ParameterError:
    """Build the error for an unknown name, with the most similar known one.

    `what` says what the name stands for, for example ``"encoder"``.

    Examples
    --------
    >>> print(unknown_name("classifier", "smv", ["logreg", "svm"]))
    Got classifier 'smv', but expected one of logreg, svm. Did you mean 'svm'?
    """
    names = list(known)
    near = difflib.get_close_matches(str(got), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ParameterError(
        f"Got {what} {got!r}, but expected one of {', '.join(names)}.{hint}"
    )


def did_you_mean(got: str, known: Iterable[str]) -> str:
    """Write a hint with the names that are most similar, up to three; empty for none.

    Examples
    --------
    >>> did_you_mean("resnet19", ["resnet18", "vgg"]), did_you_mean("x", ["vgg"])
    (' Did you mean resnet18?', '')
    """
    near = difflib.get_close_matches(got, list(known), n=3)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def pip_install(package: str) -> str:
    """Write the command that installs a library, or an extra of this one.

    Examples
    --------
    >>> pip_install("featx[ray]")
    "pip install 'featx[ray]'"
    """
    return for_shell(f"pip install {shlex.quote(package)}")


def missing_library(need: str, error: ImportError, package: str) -> DependencyError:
    """Build the error for a library that does not import.

    Examples
    --------
    >>> error = ImportError("No module named 'ray'")
    >>> print(missing_library("Engine 'ray' needs Ray", error, "featx[ray]"))
    Engine 'ray' needs Ray: No module named 'ray'. Install it with pip install
    'featx[ray]'.
    """
    return DependencyError(f"{need}: {error}. Install it with {pip_install(package)}.")
