"""The options that several commands share; each reads the same everywhere."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from typer import Option

from featx.errors import ParameterError, unknown_name
from featx.machine import MOST_SEED, PRECISIONS, check_device

if TYPE_CHECKING:
    from featx.features import FeatureCache
    from featx.images import Dataset

Progress = Callable[[str, int, int], None]
_LONGEST = 8e13  # seconds that Python can hold as a time, about

# Groups of options, by the names of their fields: a command gets those that change what it
# does, and refuses the others.
IMAGES = (
    *("data_dir", "size", "fit", "limit", "keep", "seed", "cache_dir", "engine"),
    *("address", "strict"),
)
ENCODERS = (
    *("device", "precision", "epochs", "batch_size", "learning_rate", "set", "resume"),
)
OUTPUT = ("as_json", "quiet")


def here(path: Path | None) -> Path | None:
    """Refuse a URL where files lie on this machine only.

    Examples
    --------
    >>> here(Path("s3://bucket/run"))
    Traceback (most recent call last):
    featx.errors.ParameterError: Got the URL s3:/bucket/run, but expected a path on this
    machine.
    """
    if path is not None and re.match(r"[A-Za-z][\w+.-]+:/", str(path)):
        raise ParameterError(
            f"Got the URL {path}, but expected a path on this machine."
        )
    return path


@dataclass(frozen=True, kw_only=True)
class SharedOptions:
    """Values of the shared options of one call."""

    data_dir: Annotated[
        Path | None,
        Option(callback=here, help="Where named data sets are kept or downloaded to."),
    ] = None
    size: Annotated[
        str | None,
        Option(
            metavar="N or HxW",
            help="Resize images to this many pixels; by default to a size chosen from "
            "theirs and their number, never upwards.",
        ),
    ] = None
    fit: Annotated[
        str,
        Option(
            metavar="stretch|pad|crop",
            help="What becomes of images in another shape than most.",
        ),
    ] = "stretch"
    limit: Annotated[
        int | None, Option(help="Use at most this many training and test images each.")
    ] = None
    keep: Annotated[
        list[str] | None,
        Option(
            metavar="CLASS=FRACTION",
            help="Thin a class of the training images; can be given again.",
        ),
    ] = None
    seed: Annotated[int, Option(help="Seed of everything random.")] = 0
    device: Annotated[
        str,
        Option(
            help="auto, cpu, cuda, cuda:1 or mps. Where a CUDA device is named, "
            "classifiers that can use it do, too."
        ),
    ] = "auto"
    precision: Annotated[str, Option(help="auto, float32 or bfloat16.")] = "auto"
    epochs: Annotated[
        int | None,
        Option(min=1, help="Passes over the training images, or patches of them."),
    ] = None
    batch_size: Annotated[
        int | None, Option(min=1, help="Images or patches per step.")
    ] = None
    learning_rate: Annotated[
        float | None, Option(min=1e-12, max=1e30, help="Peak learning rate.")
    ] = None
    set: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=VALUE",
            help="Set any parameter of the encoder, or of one among several with "
            "ENCODER.NAME=VALUE; can be given again.",
        ),
    ] = None
    cache_dir: Annotated[
        Path | None,
        Option(callback=here, help="Where encoders and features are kept."),
    ] = None
    resume: Annotated[
        bool,
        Option(help="Continue a training or an encoding that was interrupted."),
    ] = True
    engine: Annotated[
        str,
        Option(
            help="local, or ray: encode and fit in the workers of a Ray cluster, which is "
            "started on this machine unless --address names one."
        ),
    ] = "local"
    address: Annotated[str | None, Option(help="Address of the Ray cluster.")] = None
    strict: Annotated[
        bool, Option("--strict", help="End with exit code 3 if images were skipped.")
    ] = False
    as_json: Annotated[
        bool, Option("--json", help="Print one JSON document instead of a table.")
    ] = False
    quiet: Annotated[bool, Option("--quiet", "-q", help="No progress.")] = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MOST_SEED:
            raise ParameterError(
                f"Got seed {self.seed}, but expected 0 to {MOST_SEED}. Choose another one."
            )
        if self.address is not None and self.engine != "ray":
            raise ParameterError(
                f"Got --address {self.address} with --engine {self.engine}, but expected "
                "it with --engine ray. Give both, or neither."
            )
        check_device(self.device)  # where everything is cached, nothing else would
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)

    @property
    def image_size(self) -> int | tuple[int, int] | None:
        """The option --size as a number or (height, width)."""
        if self.size is None:
            return None
        try:
            sides = tuple(int(side) for side in self.size.lower().split("x"))
        except ValueError:
            sides = ()
        if len(sides) not in (1, 2) or min(sides, default=0) < 1:
            raise ParameterError(
                f"Got --size {self.size}, but expected pixels such as 32, or height x "
                "width such as 32x48."
            )
        return sides[0] if len(sides) == 1 else (sides[0], sides[1])

    @property
    def kept(self) -> dict[str, float]:
        """The options --keep by class."""
        kept = {}
        for text in self.keep or ():
            name, _, fraction = text.rpartition("=")
            try:
                kept[name] = float(fraction)
            except ValueError:
                name = ""
            if not name:
                raise ParameterError(
                    f"Got --keep {text}, but expected CLASS=FRACTION such as bird=0.5."
                )
        return kept

    @property
    def encoder_options(self) -> dict[str, Any]:
        """Parameters for every encoder that has them."""
        given = {
            "max_epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
        }
        always = {
            "random_state": self.seed,
            "device": self.device,
            "precision": self.precision,
        }
        return always | {k: v for k, v in given.items() if v is not None}

    @property
    def encoder_settings(self) -> dict[str, Any]:
        """The options --set; values read as JSON where they are JSON, else as text."""
        settings = {}
        for text in self.set or ():
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

    def load(self, data: str, progress: Progress) -> Dataset:
        """Load a data set as the options say."""
        from featx.images import load_dataset
        from featx.storage import default_cache_dir

        return load_dataset(
            data,
            data_dir=self.data_dir,
            cache_dir=self.cache_dir or default_cache_dir(),
            size=self.image_size,
            fit=self.fit,
            device=self.device,
            limit=self.limit,
            keep=self.kept,
            seed=self.seed,
            progress=progress,
            **self.where,
        )

    def encoders(self, dataset: Dataset, names: Sequence[str]) -> dict[str, Any]:
        """Build unfitted encoders for a data set as the options say."""
        from featx.autoencoders.registry import make_encoders

        if self.device not in ("auto", "cpu"):
            from featx.autoencoders.device import choose_device

            choose_device(self.device)  # is it there?
        return make_encoders(
            names,
            n_images=len(dataset.train),
            n_pixels=dataset.train.X[0].size,
            options=self.encoder_options,
            settings=self.encoder_settings,
        )

    @property
    def where(self) -> dict[str, Any]:
        """Where the work is done, as `load_dataset`, `encode` and `bench` take it."""
        return {"engine": self.engine, "address": self.address}

    @property
    def cuda_device(self) -> str | None:
        """The device, if it is one that classifiers can be fitted on, too."""
        return self.device if self.device.startswith("cuda") else None

    def cache(self) -> FeatureCache:
        """Open the cache that the options name."""
        from featx.features import FeatureCache

        return FeatureCache(self.cache_dir, resume=self.resume)


def parse_size(text: str) -> int:
    """Read a number of bytes, in powers of ten.

    Examples
    --------
    >>> parse_size("1.5G"), parse_size("200")
    (1500000000, 200)
    """
    units = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    return int(_quantity("--max-size", text.upper().removesuffix("B"), units, "20G"))


def parse_time(text: str) -> timedelta:
    """Read a time in days, hours, weeks or minutes.

    Examples
    --------
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


def check_words(words: Sequence[str]) -> None:
    """Refuse an empty word: mostly a variable of the shell that is not set.

    Without this, an empty path would be the folder that one stands in.

    Examples
    --------
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


def check_minutes(minutes: float | None) -> None:
    """Refuse a --budget that is no time.

    Examples
    --------
    >>> check_minutes(5)
    >>> check_minutes(float("nan"))
    Traceback (most recent call last):
    featx.errors.ParameterError: Got --budget nan, but expected minutes such as 5.
    """
    if minutes is not None and not math.isfinite(minutes):
        raise ParameterError(f"Got --budget {minutes}, but expected minutes such as 5.")


def split_names(text: str) -> list[str]:
    """Split names at commas.

    Examples
    --------
    >>> split_names("raw, conv")
    ['raw', 'conv']
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) != len(set(names)) or not names:
        raise ParameterError(
            f"Got {text!r}, but expected different names separated by commas."
        )
    return names


def one_name(text: str) -> str:
    """Refuse several names where one is meant.

    Examples
    --------
    >>> one_name("auto")
    Traceback (most recent call last):
    featx.errors.ParameterError: Got 'auto', but expected one name. Use 'featx bench' to
    compare several.
    """
    if "," in text or text.strip() == "auto":
        raise ParameterError(
            f"Got {text!r}, but expected one name. Use 'featx bench' to compare several."
        )
    return text


def shares_options(
    *groups: Sequence[str],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command groups of the shared options.

    Parameters
    ----------
    *groups : sequence of str
        Such as `IMAGES`, `ENCODERS` and `OUTPUT`.

    Returns
    -------
    callable
        A decorator. The command receives the options as its argument `shared`; those it
        does not take have their defaults there.
    """
    hints = get_type_hints(SharedOptions, include_extras=True)
    names = set().union(*groups)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(SharedOptions)
        if field.name in names
    ]

    def share(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "shared"]

        @wraps(command)
        def run(**values: Any) -> None:
            taken = {name: values.pop(name) for name in names}
            command(shared=SharedOptions(**taken), **values)

        run.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*own, *shared]}
        return run

    return share
