"""The options that several commands share; each reads the same everywhere."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.catalog import ENCODERS, FITS, NAMED
from featx.cli.fields import argument, one_of, option
from featx.cli.output import err
from featx.cli.parsing import (
    check_one_name,
    parse_columns,
    parse_fractions,
    parse_settings,
    parse_sides,
)
from featx.cli.progress import StderrProgress
from featx.errors import ParameterError, unknown_name
from featx.machine import MOST_SEED, PRECISIONS, check_device

if TYPE_CHECKING:
    from featx.features import FeatureCache
    from featx.images import Dataset


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The images of a command, and how it reports."""

    data: str = argument(
        f"A name ({', '.join(NAMED)}), a folder with a folder per class, an .npz file, or "
        "shards: .tar or .parquet files, or a folder of them. All may be URLs such as "
        "s3://bucket/images.",
        "digits",
    )
    data_dir: Path | None = option(
        None, "Where named data sets are kept or downloaded to."
    )
    size: str | None = option(
        None,
        "Resize images to this many pixels. By default the size follows from their own "
        "sizes and their number, and no image is enlarged.",
        metavar="N or HxW",
    )
    fit: str = option(
        FITS[0],
        "What becomes of images in another shape than most.",
        metavar="|".join(FITS),
    )
    limit: int | None = option(
        None,
        "Use at most this many training images, and at most this many test images.",
    )
    keep: list[str] | None = option(
        None,
        "Keep only this fraction of the training images of a class. Can be repeated.",
        metavar="CLASS=FRACTION",
    )
    column: list[str] | None = option(
        None,
        "Name of a column in a table of labels; WHAT is file_name, label, group or split, "
        "as columns are called without this. Can be repeated.",
        metavar="WHAT=NAME",
    )
    group_by: str | None = option(
        None,
        "Regular expression that finds the group of an image in its path, such as a "
        "patient; images of one group are never in different parts.",
        metavar="REGEX",
    )
    unlabeled: str | None = option(
        None,
        "Images without a label, which encoders learn from, too: a folder, or shards. "
        "Those in folders called unlabeled beside the classes are used without this; "
        "'none' leaves them out.",
        metavar="PLACE",
    )
    seed: int = option(0, "Seed of everything random.")
    cache_dir: Path | None = option(
        None, "Where images, encoders and features are kept."
    )
    engine: str = option(
        "local",
        "Where the work is done: local, or ray for the workers of a Ray cluster, which is "
        "started on this machine unless --address names one.",
    )
    address: str | None = option(None, "Address of the Ray cluster.")
    strict: bool = option(
        False, "End with exit code 3 if images were skipped.", "--strict"
    )
    as_json: bool = option(False, "Print one JSON document instead of text.", "--json")
    quiet: bool = option(False, "Show no progress and no notes.", "--quiet", "-q")

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

    @property
    def where(self) -> dict[str, Any]:
        """Where the work is done, as `load_dataset`, `encode` and `Backend` take it."""
        return {"engine": self.engine, "address": self.address}

    def progress(self) -> StderrProgress:
        """Show progress inside a block, unless nobody wants to see it."""
        return StderrProgress(err, self.quiet)

    def load(self, progress: StderrProgress, **settings: Any) -> Dataset:
        """Load the images."""
        from featx.images import load_dataset

        return load_dataset(
            self.data,
            data_dir=self.data_dir,
            cache_dir=self.cache_dir,
            size=parse_sides(self.size),
            fit=self.fit,
            limit=self.limit,
            keep=parse_fractions(self.keep or ()),
            seed=self.seed,
            columns=parse_columns(self.column or ()),
            group_by=self.group_by,
            unlabeled=self.unlabeled != "none" and (self.unlabeled or True),
            progress=progress,
            **self.where,
            **settings,
        )


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(DataOptions):
    """Options of commands that train encoders."""

    device: str = option(
        "auto",
        "Where encoders run: auto, cpu, cuda, cuda:1 or mps. A CUDA device that is named "
        "serves classifiers, too.",
    )
    precision: str = option("auto", f"Precision of encoders: {one_of(PRECISIONS)}.")
    epochs: int | None = option(
        None, "Passes over the training images, or patches of them.", min=1
    )
    batch_size: int | None = option(None, "Images or patches per step.", min=1)
    learning_rate: float | None = option(
        None, "Highest learning rate.", min=1e-12, max=1e30
    )
    weights: Path | None = option(
        None,
        "File of weights for a torch module or pretrained network among the encoders: "
        "a state_dict by torch.save, or safetensors.",
        metavar="FILE",
    )
    set: list[str] | None = option(
        None,
        "Set any parameter of the encoder; ENCODER.NAME=VALUE sets it for one of several. "
        "Can be repeated.",
        metavar="NAME=VALUE",
    )
    resume: bool = option(
        True, "Continue a training or an encoding that was interrupted."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device)  # where everything is cached, nothing else would
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)

    @property
    def cuda_device(self) -> str | None:
        """The device, if it is one that classifiers can be fitted on, too."""
        return self.device if self.device.startswith("cuda") else None

    def announce_device(self) -> None:
        """Say that tensors may come to classifiers: SciPy reads it at import."""
        if self.cuda_device:
            os.environ.setdefault("SCIPY_ARRAY_API", "1")

    def load(self, progress: StderrProgress, **settings: Any) -> Dataset:
        """Load the images, for the device."""
        return super().load(progress, device=self.device, **settings)

    def make_encoders(self, dataset: Dataset, names: Sequence[str]) -> dict[str, Any]:
        """Build unfitted encoders for a data set."""
        from featx.encoders.registry import make_encoders

        if self.device not in ("auto", "cpu"):
            from featx.autoencoders.device import choose_device

            choose_device(self.device)  # is it there?
        chosen = {
            "max_epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
        }
        weights = {} if self.weights is None else {"weights": self.weights}
        return make_encoders(
            names,
            n_images=len(dataset.learning_images),
            n_pixels=math.prod(dataset.image_shape),
            options={
                "random_state": self.seed,
                "device": self.device,
                "precision": self.precision,
            }
            | {name: value for name, value in chosen.items() if value is not None},
            settings=weights | parse_settings(self.set or ()),
        )

    def cache(self) -> FeatureCache:
        """Open the cache."""
        from featx.features import FeatureCache

        return FeatureCache(self.cache_dir, resume=self.resume)


@dataclass(frozen=True, kw_only=True)
class OneEncoderOptions(EncoderOptions):
    """Options of commands that train one encoder."""

    encoder: str = option(
        "patch", f"The encoder: {one_of(ENCODERS)}.", "--encoder", "--encoders"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_name(self.encoder)

    def make_encoder(self, dataset: Dataset) -> Any:
        """Build the unfitted encoder for a data set."""
        return self.make_encoders(dataset, [self.encoder])[self.encoder]
