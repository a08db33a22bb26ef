"""A command and its options: a function, and the dataclass that it gets as `options`."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from typer import Argument, Option

from featx.cli.parsing import check_here


def option(default: Any, help: str, *words: str, **settings: Any) -> Any:
    """Describe an option as the field of a dataclass; words such as ``"--json"``."""
    described = Option(*words, help=help, **settings)
    return field(default=default, metadata={"typer": described})


def argument(help: str, default: Any = MISSING, **settings: Any) -> Any:
    """Describe an argument as the field of a dataclass; without a default it must be."""
    described = Argument(help=help, **settings)
    return field(default=default, metadata={"typer": described})


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its `options` as options of the command line.

    Those of its own class come first, those of the base classes after them. A Path is on
    this machine; what may be a URL is a str.
    """
    signature = inspect.signature(command, eval_str=True)
    kind = signature.parameters["options"].annotation
    hints = get_type_hints(kind)
    order = [name for base in kind.__mro__ for name in inspect.get_annotations(base)]
    other = [p for p in signature.parameters.values() if p.name != "options"]
    own = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=Annotated[hints[one.name], one.metadata["typer"]],
        )
        for one in sorted(fields(kind), key=lambda one: order.index(one.name))
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        taken = {one.name: values.pop(one.name) for one in own}
        for value in taken.values():
            if isinstance(value, Path):
                check_here(value)
        command(options=kind(**taken), **values)

    run.__signature__ = signature.replace(parameters=[*other, *own])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*other, *own]}
    return run


def one_of(names: Sequence[str]) -> str:
    """Write names as a choice.

    >>> one_of(["pca", "tsne"])
    'pca or tsne'
    """
    return f"{', '.join(names[:-1])} or {names[-1]}"
