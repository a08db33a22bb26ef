"""The command `featx suggest`."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.catalog import ENCODERS
from featx.cli.fields import one_of, option
from featx.cli.options import OneEncoderOptions
from featx.cli.output import end, is_page, out, say, tell_dataset
from featx.errors import DataError, ParameterError
from featx.names import NAMES_AS_BYTES, safe_cell

if TYPE_CHECKING:
    from featx.cli.progress import StderrProgress
    from featx.images import Dataset
    from featx.suggestion import Suggestions

_OF_ENCODERS = (
    *("encoder", "size", "fit", "precision", "epochs", "batch_size", "learning_rate"),
    *("weights", "set", "resume"),
)
_AT_ONCE = 1024  # images that a model looks at
_REASONS = {
    "typical": "typical of many others, which have few labels yet",
    "uncertain": "those whose class is least certain, of all kinds",
}


@dataclass(frozen=True, kw_only=True)
class SuggestOptions(OneEncoderOptions):
    """Options of `featx suggest`."""

    k: int = option(20, "How many images.", "-k", min=1)
    model: str | None = option(
        None,
        "A model that 'featx fit --save' wrote: its features and probabilities are used, "
        "and its training images are those with a label.",
        metavar="MODEL",
    )
    out: str | None = option(
        None,
        "Write the list to this file or URL, not to stdout; if it ends in .html, a page "
        "that shows the images.",
        metavar="FILE",
    )
    encoder: str = option(
        "compact",
        f"The encoder, where no model is given: {one_of(ENCODERS)}.",
        "--encoder",
        "--encoders",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        is_page(self.out, as_json=self.as_json)  # refused now if both are asked for
        if self.model is None:
            return
        for one in fields(self):
            if one.name in _OF_ENCODERS and getattr(self, one.name) != one.default:
                raise ParameterError(
                    f"Got --{one.name.replace('_', '-')} with --model, but the model "
                    "brings its own encoder and size of images. Leave one of them out."
                )


def suggest(options: SuggestOptions) -> None:
    """List the images without a label that are most worth one, as CSV on stdout.

    DATA is read as everywhere: it brings its images without a label, those in folders
    called unlabeled or at --unlabeled, or it is a folder of such images alone. Where there
    are few labels, typical images come first; with five for each class, uncertain ones.
    None is a copy of another one, or of an image with a label.
    """
    from featx.output_files import check_out, write_out

    if options.out is not None:
        check_out(options.out)
    dataset, found, names = (
        _by_encoder(options) if options.model is None else _by_model(options)
    )
    images = dataset.unlabeled.take(found.rows)
    lines = [
        {"id": str(id_), "rank": rank, "why": found.why}
        | ({} if guess < 0 else {"class": names[guess], "probability": probability})
        for rank, (id_, guess, probability) in enumerate(
            zip(
                images.ids,
                found.guess.tolist(),
                found.probability.tolist(),
                strict=True,
            ),
            1,
        )
    ]
    if len(lines) < options.k:
        say(
            f"{len(lines):,} of {options.k:,} images: the others without a label are "
            "copies of these or of labeled images, or there are no others.",
            options.quiet,
        )
    if is_page(options.out, as_json=options.as_json):
        text = _page(dataset, images.X, found.why, lines)
    elif options.as_json:
        text = _json(dataset, found.why, lines)
    else:
        text = _csv(lines)
    if options.out is None:
        out.write(text)
    else:
        write_out(options.out, text.encode(errors=NAMES_AS_BYTES))
    end(options.strict, len(dataset.skipped))


def _by_encoder(
    options: SuggestOptions,
) -> tuple[Dataset, Suggestions, tuple[str, ...]]:
    """Choose by the features of an encoder that learns from the images."""
    from featx.features import encode
    from featx.suggestion import suggest

    with options.progress() as progress:
        dataset = _load(options, progress)
        encoded = encode(
            dataset,
            options.make_encoder(dataset),
            cache=options.cache(),
            name=options.encoder,
            progress=progress,
            **options.where,
        )
    unlabeled, train = encoded.unlabeled, encoded.train
    assert unlabeled is not None  # `_load` has seen to it
    X = np.concatenate([unlabeled.X, train.X]) if len(train.y) else unlabeled.X
    y = np.concatenate([unlabeled.y, train.y])
    found = suggest(X, y, options.k, random_state=options.seed)
    return dataset, found, dataset.class_names


def _by_model(
    options: SuggestOptions,
) -> tuple[Dataset, Suggestions, tuple[str, ...]]:
    """Choose by the features of a model, and by what it says of the images."""
    from featx.bundle import load
    from featx.images import with_channels
    from featx.prediction import use_device
    from featx.suggestion import suggest

    assert options.model is not None
    model = load(options.model)
    known = model.remembered()
    if not hasattr(model, "predict_proba"):
        raise DataError(
            f"Got {options.model}, whose scores are no probabilities, but expected a model "
            "with some. Fit and save it anew with 'featx fit --save'."
        )
    use_device(model, options.device)
    height, width, channels = model.image_shape
    with options.progress() as progress:
        read = replace(
            options, model=None, size=f"{height}x{width}", fit=model.image_fit
        )
        dataset = _load(read, progress)
        unlabeled = dataset.unlabeled.X
        sights = []
        for start in range(0, len(unlabeled), _AT_ONCE):
            progress("look at the images", start, len(unlabeled))
            some = with_channels(unlabeled[start : start + _AT_ONCE], channels)
            sights.append(model.look(some, every_class=True, points=True))
    said = np.concatenate([one.scores for one in sights])
    points = np.concatenate([one.points for one in sights])
    n_classes = said.shape[1]
    found = suggest(
        np.concatenate([points, known.points]),
        np.concatenate([np.full(len(points), -1), known.labels]),
        options.k,
        probabilities=np.concatenate(
            [said, np.full((len(known.points), n_classes), 1 / n_classes)]
        ),
        random_state=options.seed,
    )
    return dataset, found, tuple(model.classes_.tolist())


def _load(options: SuggestOptions, progress: StderrProgress) -> Dataset:
    """Load the images; DataError if all have a label."""
    dataset = options.load(progress, need_labels=False, split=False)
    tell_dataset(dataset, options.quiet)
    if not len(dataset.unlabeled):
        raise DataError(
            f"Got {len(dataset):,} images in {dataset.name} that all have a label (folders "
            "are classes), but expected some without. Put those into a folder called "
            "unlabeled there, or name their place with --unlabeled."
        )
    return dataset


def _csv(lines: list[dict[str, Any]]) -> str:
    """Write the list as CSV; class and probability are empty where there are none."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "rank", "why", "class", "probability"])
    for line in lines:
        said = (
            [safe_cell(line["class"]), f"{line['probability']:.6g}"]
            if "class" in line
            else ["", ""]
        )
        table.writerow([safe_cell(line["id"]), line["rank"], line["why"], *said])
    return text.getvalue()


def _json(dataset: Dataset, why: str, lines: list[dict[str, Any]]) -> str:
    from featx._version import __version__
    from featx.reports.documents import dumps

    document = {"data": dataset.describe(), "why": why, "suggestions": lines}
    return dumps({"featx": __version__} | document, indent=2) + "\n"


def _page(dataset: Dataset, images: Any, why: str, lines: list[dict[str, Any]]) -> str:
    """Show the images on a page, with what is said of each."""
    from featx.reports.thumbnails import Strip, Thumbnail, thumbnail_page

    shown = []
    for image, line in zip(images, lines, strict=True):
        caption = [line["id"], f"{line['rank']}, {why}"]
        if "class" in line:
            caption.append(f"{line['class']}, {100 * line['probability']:.0f} %")
        shown.append(Thumbnail(image, tuple(caption)))
    told = [
        f"{len(lines):,} of {len(dataset.unlabeled):,} images without a label, the best "
        f"first. They are {_REASONS[why]}. None is a copy of another one."
    ]
    return thumbnail_page("Images most worth a label", told, [Strip("", tuple(shown))])
