"""The command `featx fit`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from featx.catalog import CLASSIFIERS
from featx.cli.comparing import compare, print_results
from featx.cli.fields import one_of, option
from featx.cli.options import OneEncoderOptions
from featx.cli.output import end, say
from featx.cli.parsing import check_one_name
from featx.errors import ParameterError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.experiment import FittedRow, Protocol
    from featx.images import Dataset


@dataclass(frozen=True, kw_only=True)
class FitOptions(OneEncoderOptions):
    """Options of `featx fit`."""

    clf: str = option("svm", f"The classifier: {one_of(CLASSIFIERS)}.")
    tune: bool = option(
        False,
        "Search the classifier's settings wider, on the validation part.",
        "--tune",
    )
    folds: int = option(
        0,
        "Judge every image once, by what learned from the other folds; for data without a "
        "test part.",
        min=0,
    )
    out: Path | None = option(None, "Write a run to this folder, too.")
    save: str | None = option(
        None,
        "Write encoder and classifier to this .featx file, with probabilities that hold: "
        "these take one more fit.",
        metavar="MODEL",
    )
    refit: bool = option(
        False,
        "Save what was fitted anew on all images, those of the test part, too. With "
        "--folds that is always done.",
        "--refit",
    )
    forget: bool = option(
        False,
        "Save neither the names of the training images, nor the few numbers of each by "
        "which 'featx similar' and --unlike of 'featx predict' know them.",
        "--forget",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_name(self.clf)
        for word, given in (("--refit", self.refit), ("--forget", self.forget)):
            if given and self.save is None:
                raise ParameterError(
                    f"Got {word} without --save, but expected both: it is about what is "
                    "saved."
                )

    @property
    def refits(self) -> bool:
        """Whether what is saved is fitted anew, on all images."""
        return self.save is not None and bool(self.refit or self.folds)

    def protocol(self) -> Protocol:
        """Say how the row is judged."""
        from featx.experiment import Protocol

        return Protocol(
            tune=self.tune,
            seed=self.seed,
            # for figures; they need the encoder itself
            n_examples=Protocol.n_examples if self.out else 0,
            diagnose=self.out is not None,
            calibrate_fully=self.save is not None and not self.refits,
        )


def fit(context: typer.Context, options: FitOptions) -> None:
    """Fit one classifier on features, encoding what is not cached yet."""
    options.announce_device()
    if options.out is not None:  # before anything takes time
        from featx.reports import check_run_folder, save_run

        check_run_folder(options.out)
    if options.save is not None:
        from featx.output_files import check_out

        check_out(options.save)
        _check_can_be_saved(options)
    fitted: list[tuple[BaseEstimator, FittedRow]] = []
    refit = options.refits
    keep = options.save is not None and not refit
    results, dataset = compare(
        options,
        options.encoder,
        options.clf,
        options.protocol(),
        folds_for=lambda dataset: options.folds,
        on_fitted=(lambda *pair: fitted.append(pair)) if keep else None,
    )
    if options.out is not None:
        save_run(results, dataset, options.out, context.obj)
    saves = options.save is not None
    print_results(results, options, options.out, context.obj, saves=saves)
    if options.save is not None:
        encoder, row = _refit(options, dataset) if refit else fitted[0]
        _save(options, options.save, encoder, row, dataset)
        said = (
            f", fitted on all {len(dataset.labeled_images):,} images" if refit else ""
        )
        expected = results.answer.percent
        say(f"Model: {options.save}{said}; expect {expected} right.", options.quiet)
    end(options.strict, len(dataset.skipped))


def _refit(options: FitOptions, dataset: Dataset) -> tuple[BaseEstimator, FittedRow]:
    """Fit encoder and classifier on all labeled images."""
    from featx.experiment import Backend, Observer, bench
    from featx.experiment.folds import all_to_learn

    fitted: list[tuple[BaseEstimator, FittedRow]] = []
    together = all_to_learn(dataset)
    with options.progress() as progress:
        bench(
            together,
            options.make_encoders(together, [options.encoder]),
            [options.clf],
            protocol=replace(
                options.protocol(), n_examples=0, diagnose=False, calibrate_fully=True
            ),
            backend=Backend(**options.where, device=options.cuda_device),
            cache=options.cache(),
            observer=Observer(
                on_progress=progress, on_fitted=lambda *pair: fitted.append(pair)
            ),
        )
    return fitted[0]


def _check_can_be_saved(options: FitOptions) -> None:
    """Refuse encoders and classifiers of others before anything takes time."""
    from featx.bundle import check_can_be_saved
    from featx.classifiers import resolve_classifiers
    from featx.encoders.registry import make_any_encoder

    encoder = make_any_encoder(options.encoder, n_images=100, n_pixels=100)
    own = resolve_classifiers([options.clf])[options.clf]
    check_can_be_saved(encoder, own, f"{options.encoder} + {options.clf}")


def _save(
    options: FitOptions,
    place: str,
    encoder: BaseEstimator,
    row: FittedRow,
    dataset: Dataset,
) -> None:
    from featx.bundle import save
    from featx.known_images import KnownImages
    from featx.model import Model

    train = row.train
    model = Model.of(
        encoder,
        row.classifier,
        dataset.class_names,
        image_fit=options.fit,
        calibration=row.judged and row.judged.calibration,
        risk=row.judged and row.judged.risk,
        known=None
        if options.forget
        else KnownImages.of(train.X, train.y, train.ids, groups=row.groups),
    )
    save(model, place)
