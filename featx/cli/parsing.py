"""Words of the command line -> values."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from featx.errors import ParameterError

_LONGEST = 8e13  # seconds that Python can hold as a time, about


def check_here(path: Path) -> None:
    """Refuse a URL where files lie on this machine only.

    >>> check_here(Path("s3://bucket/run"))
    Traceback (most recent call last):
    featx.errors.ParameterError: Got the URL s3:/bucket/run, but expected a path on this
    machine.
    """
    if re.match(r"[A-Za-z][\w+.-]+:[/\\]", str(path)):
        raise ParameterError(
            f"Got the URL {path}, but expected a path on this machine."
        )


def check_words(words: Sequence[str]) -> None:
    """Refuse an empty word: mostly a variable of the shell that is not set.

    Without this, an empty path would be the folder that one stands in.

    >>> check_words(["fit", "--cache-dir", ""])
    Traceback (most recent call last):
    featx.errors.ParameterError: Got an empty word after --cache-dir, but expected
    something there. Name it, or leave both out.
    """
    for before, word in pairwise(["featx", *words]):
        option, equals, value = word.partition("=")
        if not word or (option.startswith("--") and equals and not value):
            raise ParameterError(
                f"Got an empty word after {option or before}, but expected something "
                "there. Name it, or leave both out."
            )


def split_names(text: str) -> list[str]:
    """Split names at commas.

    >>> split_names("raw, conv")
    ['raw', 'conv']
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) != len(set(names)) or not names:
        raise ParameterError(
            f"Got {text!r}, but expected different names separated by commas."
        )
    return names


def check_one_name(text: str) -> None:
    """Refuse several names where one is meant.

    >>> check_one_name("auto")
    Traceback (most recent call last):
    featx.errors.ParameterError: Got 'auto', but expected one name. Use 'featx bench' to
    compare several.
    """
    if "," in text or text.strip() == "auto":
        raise ParameterError(
            f"Got {text!r}, but expected one name. Use 'featx bench' to compare several."
        )


def parse_sides(text: str | None) -> int | tuple[int, int] | None:
    """Read --size: a number of pixels, or height and width.

    >>> parse_sides("32"), parse_sides("32x48")
    (32, (32, 48))
    """
    if text is None:
        return None
    try:
        sides = tuple(int(side) for side in text.lower().split("x"))
    except ValueError:
        sides = ()
    if len(sides) not in (1, 2) or min(sides, default=0) < 1:
        raise ParameterError(
            f"Got --size {text}, but expected pixels such as 32, or height x width such "
            "as 32x48."
        )
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def parse_fractions(texts: Sequence[str]) -> dict[str, float]:
    """Read --keep: fractions by class.

    >>> parse_fractions(["bird=0.5"])
    {'bird': 0.5}
    """
    fractions = {}
    for text in texts:
        name, _, fraction = text.rpartition("=")
        try:
            fractions[name] = float(fraction)
        except ValueError:
            name = ""
        if not name:
            raise ParameterError(
                f"Got --keep {text}, but expected CLASS=FRACTION such as bird=0.5."
            )
    return fractions


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Read --column: names of columns by what they tell.

    >>> parse_columns(["label=diagnosis"])
    {'label': 'diagnosis'}
    """
    columns = {}
    for text in texts:
        what, _, name = text.partition("=")
        if not (what and name):
            raise ParameterError(
                f"Got --column {text}, but expected WHAT=NAME such as label=diagnosis."
            )
        columns[what] = name
    return columns


def parse_numbers(option: str, text: str) -> list[int]:
    """Read whole numbers, separated by commas.

    >>> parse_numbers("--labels", "5, 10,100")
    [5, 10, 100]
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise ParameterError(
            f"Got {option} {text}, but expected whole numbers such as 5,10,100."
        )
    return [int(word) for word in words]


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Read --set: values by parameter, as JSON where they are JSON, else as text.

    >>> parse_settings(["n_components=64", "augment=flip"])
    {'n_components': 64, 'augment': 'flip'}
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ParameterError(
                f"Got --set {text}, but expected NAME=VALUE such as n_components=64."
            )
        try:
            settings[name] = json.loads(value)
        except (ValueError, RecursionError):
            settings[name] = value
    return settings


def parse_bytes(text: str) -> int:
    """Read --max-size: bytes, in powers of ten.

    >>> parse_bytes("1.5G"), parse_bytes("200")
    (1500000000, 200)
    """
    units = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    return int(_quantity("--max-size", text.upper().removesuffix("B"), units, "20G"))


def parse_time(text: str) -> timedelta:
    """Read --older-than: days, hours, weeks or minutes.

    >>> parse_time("30d"), parse_time("12h")
    (datetime.timedelta(days=30), datetime.timedelta(seconds=43200))
    """
    units = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
    seconds = _quantity("--older-than", text.lower(), units, "30d")
    return timedelta(seconds=min(seconds, _LONGEST))


def _quantity(option: str, text: str, units: dict[str, int], example: str) -> float:
    unit = text.lstrip("0123456789.")
    number = text.removesuffix(unit)
    if re.fullmatch(r"\d{1,15}(\.\d*)?|\.\d+", number) and unit in units:
        return float(number) * units[unit]
    known = ", ".join(name for name in units if name)
    raise ParameterError(
        f"Got {option} {text}, but expected a number and a unit ({known}), such as "
        f"{example}."
    )
