"""The command line: the only module that prints and returns exit codes."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal

from featx._version import __version__
from featx.collecting import uncollected
from featx.console import StderrProgress
from featx.errors import FeatxError, FeatxWarning
from featx.options import (
    SharedOptions,
    one_name,
    parse_size,
    parse_time,
    shares_options,
    split_names,
)

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.evaluation import BenchResults
    from featx.fitting import FittedRow
    from featx.images import Dataset, Skipped

app = typer.Typer(
    name="featx",
    help="Train autoencoders on your images without labels, fit scikit-learn classifiers "
    "on their features, and see honestly which combination is best.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cache_app = typer.Typer(
    help="List, check and remove what is cached.", no_args_is_help=True
)
app.add_typer(cache_app, name="cache")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Data = Annotated[
    str,
    typer.Argument(
        help="A name (digits, cifar10, cifar100, mnist, fashion-mnist, svhn, stl10), a "
        "folder with a folder per class, an .npz file, or shards: .tar or .parquet files, "
        "or a folder of them. All may be URLs such as s3://bucket/images."
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        help="raw, pca, untrained, random-patches, patch, conv, denoising, vae or "
        "masked."
    ),
]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune", help="Choose each classifier's settings on the validation part."
    ),
]
CacheDir = Annotated[
    Path | None, typer.Option(help="Where encoders and features are kept.")
]


def entry() -> None:
    """Run the command line and end the process."""
    raise SystemExit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    int
        0 done, 1 an expected error, 2 usage, 3 images were skipped and --strict was
        given, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _own_warnings_in_one_line():
            app(args=words, prog_name="featx", obj=shlex.join(["featx", *words]))
    except SystemExit as stop:
        if stop.code == 130:  # Ctrl-C, as typer passes it on
            _print_line(
                "interrupted; the same command goes on from what is finished.", "yellow"
            )
        return int(stop.code or 0)
    except FeatxError as error:
        return _fail(str(error))
    except (MemoryError, RuntimeError) as error:
        # torch has no error of its own for memory of the processor
        if isinstance(error, RuntimeError) and not re.search(
            "allocate memory|out of memory", str(error)
        ):
            raise
        return _fail(
            "Got no more memory from the system. Use fewer or smaller images (--limit, "
            "--size), a smaller --batch-size, or a machine with more."
        )
    return 0


def _fail(message: str) -> int:
    _print_line(message, "red")
    return 1


def _print_line(message: object, style: str) -> None:
    line = f"featx: {' '.join(str(message).split())}"
    err.print(line, style=style, soft_wrap=True, markup=False)


@contextmanager
def _own_warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_line(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, FeatxWarning):
                _print_line(message, "yellow")
            else:
                show(message, category, *place)

        warnings.showwarning = show_line  # type: ignore[assignment]
        yield


def _version(value: bool) -> None:
    if value:
        out.print(f"featx {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show it."),
    ] = False,
) -> None:
    pass


@app.command()
@shares_options
def bench(
    context: typer.Context,
    *,
    shared: SharedOptions,
    data: Data = "digits",
    encoders: Annotated[
        str,
        typer.Option(
            help="Encoders, separated by commas: raw, pca, untrained, random-patches, "
            "patch, conv, denoising, vae, masked; or auto."
        ),
    ] = "auto",
    clf: Annotated[
        str,
        typer.Option(
            help="Classifiers, separated by commas: linear-svm, logreg, ridge, svm, "
            "kernel-ridge, mlp, knn; or auto, which depends on the number of images."
        ),
    ] = "auto",
    tune: Tune = False,
    repeats: Annotated[
        int, typer.Option(min=1, help="Run with this many seeds and show the spread.")
    ] = 1,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="MINUTES",
            help="About how long the whole table may take; epochs, filters and the "
            "images for slow classifiers are chosen to fit.",
        ),
    ] = None,
    joblib_backend: Annotated[
        str | None,
        typer.Option(
            "--joblib",
            metavar="BACKEND",
            help="Fit classifiers side by side with this back end of joblib: loky for "
            "processes on this machine, or one that a library registered.",
        ),
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Run folder; default runs/TIME-DATA.")
    ] = None,
) -> None:
    """Compare encoders with classifiers and leave a folder of results."""
    with uncollected():
        from featx.reports import save_run

    results, dataset = _compare(
        *(shared, data, encoders, clf, tune, repeats, budget),
        joblib_backend=joblib_backend,
        planned=True,
    )
    folder = out_dir or Path("runs") / _run_name(dataset.name)
    kept_in = shared.cache().folder
    save_run(results, dataset, folder, context.obj, cache_dir=kept_in)
    _print_results(results, shared)
    if not shared.as_json:
        _say(shared, f"Run folder: {folder}, page: {folder / 'report.html'}")
    _end(shared, dataset)


@app.command()
@shares_options
def fit(
    context: typer.Context,
    *,
    shared: SharedOptions,
    data: Data = "digits",
    encoder: Encoder = "patch",
    clf: Annotated[
        str,
        typer.Option(help="linear-svm, logreg, ridge, svm, kernel-ridge, mlp or knn."),
    ] = "svm",
    tune: Tune = False,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Write a run folder too.")
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Write encoder and classifier to this .featx file."
        ),
    ] = None,
) -> None:
    """Fit one classifier on features, encoding what is not cached yet."""
    kept: list[tuple[BaseEstimator, FittedRow]] = []
    results, dataset = _compare(
        shared,
        data,
        one_name(encoder),
        one_name(clf),
        tune,
        n_examples=48 if out_dir else 0,  # for figures; they need the encoder itself
        keep=None if save is None else lambda *fitted: kept.append(fitted),
    )
    if out_dir is not None:
        from featx.reports import save_run

        kept_in = shared.cache().folder
        save_run(results, dataset, out_dir, context.obj, cache_dir=kept_in)
    if save is not None:
        from featx.bundle import Model
        from featx.bundle import save as save_model

        ((fitted, row),) = kept
        save_model(Model.of(fitted, row.classifier, dataset.class_names), save)
    _print_results(results, shared)
    if save is not None:
        _say(shared, f"Model: {save}")
    _end(shared, dataset)


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="As 'featx fit --save' writes it.")],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Image files, folders, patterns, or - for a list of paths on stdin.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object per line.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="End with exit code 3 if images were skipped."),
    ] = False,
) -> None:
    """Name the class of images with a saved model; CSV to stdout."""
    from featx.bundle import load
    from featx.images import find_images, read_images

    loaded = load(model)
    head = ["id", "class", loaded.confidence]
    lines = csv.writer(sys.stdout, lineterminator="\n")
    n_skipped = 0
    files = find_images(path for path in paths if path != "-")
    if "-" in paths:
        files = chain(files, (line.rstrip("\n") for line in sys.stdin if line != "\n"))
    if not as_json:
        lines.writerow(head)
    for batch in read_images(files, loaded.image_shape):
        names, sure = loaded.predict_with_confidence(batch.X)
        for row in zip(batch.ids, names.tolist(), sure.tolist(), strict=True):
            if as_json:
                sys.stdout.write(json.dumps(dict(zip(head, row, strict=True))) + "\n")
            else:
                lines.writerow([*row[:2], f"{row[2]:.6g}"])
        for skipped in batch.skipped:
            _tell_skipped(skipped)
        n_skipped += len(batch.skipped)
    if n_skipped:
        err.print(f"{n_skipped:,} images were skipped.")
        if strict:
            raise typer.Exit(3)


@app.command()
def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder that 'featx bench' wrote.")
    ],
    compare: Annotated[
        Path | None,
        typer.Option(metavar="RUN2", help="A run to compare it with, row by row."),
    ] = None,
    map_method: Annotated[
        str,
        typer.Option(
            "--map", help="How the map of the features is drawn: pca or tsne."
        ),
    ] = "pca",
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the page in the browser.")
    ] = False,
) -> None:
    """Make the page of a run anew, report.html in its folder."""
    from featx.reports import save_page

    page = save_page(run, compare, map_method=map_method)
    out.print(str(page), markup=False, soft_wrap=True)
    if open_page and typer.launch(page.resolve().as_uri()):
        err.print("No browser could be started here; open the page by hand.")


@app.command()
@shares_options
def encode(
    *,
    shared: SharedOptions,
    data: Data = "digits",
    encoder: Encoder = "patch",
    out_dir: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PLACE",
            help="Write ids, classes and features as Parquet tables to this folder or URL, "
            "too.",
        ),
    ] = None,
) -> None:
    """Train an encoder and cache the features of every image."""
    with uncollected():
        from featx.features import encode as encode_dataset
        from featx.features import export

    with StderrProgress(err, shared.quiet) as progress:
        dataset = _load(shared, data, progress)
        built = shared.encoders(dataset, [one_name(encoder)])[encoder]
        cache = shared.cache()
        encoded = encode_dataset(
            dataset,
            built,
            cache=cache,
            name=encoder,
            progress=progress,
            **shared.where,
        )
        tables = (
            []
            if out_dir is None
            else export(encoded, dataset.class_names, out_dir, progress=progress)
        )
    summary = {
        "encoder": encoder,
        "data": dataset.describe(),
        "n_features": int(encoded.train.X.shape[1]),
        "train_seconds": encoded.encoder.train_seconds,
        "encode_seconds": encoded.encode_seconds,
        "encode_images_per_second": encoded.images_per_second,
        "cached": encoded.cached,
        "n_encoded": encoded.n_encoded,
        "features": {
            part: str(cache.folder / "features" / features.key / "features.npy")
            for part, features in (("train", encoded.train), ("test", encoded.test))
        },
        "tables": tables,
    }
    if shared.as_json:
        _print_json({"featx": __version__, **summary})
    else:
        n_images = len(dataset.train) + len(dataset.test)
        how = (
            "all from the cache"
            if all(encoded.cached.values())
            else f"trained in {encoded.encoder.train_seconds:.1f} s, "
            f"{encoded.n_encoded:,} encoded at {encoded.images_per_second:,.0f} images/s"
        )
        _say(
            shared,
            f"{encoder}: {n_images:,} images, {encoded.train.X.shape[1]:,} features "
            f"each; {how}.",
        )
        for part, path in summary["features"].items():  # type: ignore[attr-defined]
            out.print(f"{part:<5} {path}", soft_wrap=True, markup=False)
        for path in tables:
            out.print(path, soft_wrap=True, markup=False)
    _end(shared, dataset)


@app.command()
@shares_options
def train(
    *, shared: SharedOptions, data: Data = "digits", encoder: Encoder = "denoising"
) -> None:
    """Train an encoder and cache it; on several GPUs or machines under torchrun."""
    from featx.autoencoders.processes import joined

    with joined() as first, StderrProgress(err, shared.quiet or not first) as progress:
        dataset = (
            _load(shared, data, progress) if first else shared.load(data, progress)
        )
        built = shared.encoders(dataset, [one_name(encoder)])[encoder]
        cache = shared.cache()
        trained = cache.fit(built, dataset.train, name=encoder, progress=progress)
    if not first:
        return
    summary = {
        "encoder": encoder,
        "data": dataset.describe(),
        "key": trained.key,
        "choices": trained.choices,
        "train_seconds": trained.train_seconds,
        "history": trained.history,
        "cached": trained.cached,
    }
    if shared.as_json:
        _print_json({"featx": __version__, **summary})
    else:
        how = "from the cache" if trained.cached else f"{trained.train_seconds:.1f} s"
        losses = trained.history.get("loss", [])
        _say(
            shared,
            f"{encoder}: {len(dataset.train):,} images, {how}"
            + (f"; loss {losses[0]:.4g} to {losses[-1]:.4g}." if losses else "."),
        )
        out.print(trained.key)
    _end(shared, dataset)


@app.command("data")
@shares_options
def show_data(
    *,
    shared: SharedOptions,
    data: Data = "digits",
    grid: Annotated[
        Path | None, typer.Option(help="Write a grid of samples per class to this PNG.")
    ] = Path("samples.png"),
) -> None:
    """Show sizes, classes, counts per class and a grid of samples."""
    from featx.reports import data_table, save_samples

    with StderrProgress(err, shared.quiet) as progress:
        dataset = _load(shared, data, progress)
    if shared.as_json:
        _print_json({"featx": __version__, "data": dataset.describe()})
    else:
        out.print(data_table(dataset))
    if grid is not None:
        save_samples(dataset, grid)
        _say(shared, f"Samples per class: {grid}")
    _end(shared, dataset)


@cache_app.command("ls")
def cache_ls(
    cache_dir: CacheDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List cached images, encoders and features."""
    from featx.features import FeatureCache
    from featx.reports import cache_table

    cache = FeatureCache(cache_dir)
    entries = cache.entries()
    if as_json:
        _print_json([vars(entry) for entry in entries])
    else:
        out.print(cache_table(cache.folder, entries))


@cache_app.command("rm")
def cache_rm(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...")],
    cache_dir: CacheDir = None,
) -> None:
    """Remove entries by the first digits of their keys."""
    from featx.features import FeatureCache

    cache = FeatureCache(cache_dir)
    for key in keys:
        for entry in cache.remove(key):
            out.print(f"removed {entry.kind} {entry.key[:12]} {entry.what}")


@cache_app.command("verify")
def cache_verify(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY...]", help="First digits of keys; default all."),
    ] = None,
    cache_dir: CacheDir = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Read every byte of the cache and name what is not as it was written."""
    from featx.features import FeatureCache

    with StderrProgress(err, quiet) as progress:
        damaged = FeatureCache(cache_dir).verify(keys or (), progress=progress)
    for entry, wrong in damaged:
        line = f"damaged {entry.kind} {entry.key[:12]} {entry.what}: {'; '.join(wrong)}"
        out.print(line, markup=False, soft_wrap=True)
    if damaged:
        raise typer.Exit(1)
    out.print("All entries are as they were written.")


@cache_app.command("prune")
def cache_prune(
    max_size: Annotated[
        str | None, typer.Option(help="Bytes that may stay, such as 500M or 20G.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(help="Remove what was not used for so long, such as 30d or 12h."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go.")
    ] = False,
    cache_dir: CacheDir = None,
) -> None:
    """Remove what was not used for long, or for longest."""
    from featx.features import FeatureCache

    if max_size is None and older_than is None:
        raise typer.BadParameter("give --max-size, --older-than or both")
    gone = FeatureCache(cache_dir).prune(
        max_size=None if max_size is None else parse_size(max_size),
        older_than=None if older_than is None else parse_time(older_than),
        dry_run=dry_run,
    )
    for entry in gone:
        verb = "would remove" if dry_run else "removed"
        line = f"{verb} {entry.kind} {entry.key[:12]} {entry.what}"
        out.print(line, markup=False, soft_wrap=True)
    out.print(f"{decimal(sum(entry.size for entry in gone))} in {len(gone)} entries")


def _compare(
    shared: SharedOptions,
    data: str,
    encoders: str,
    classifiers: str,
    tune: bool,
    repeats: int = 1,
    budget: float | None = None,
    n_examples: int = 48,
    keep: Callable[[BaseEstimator, FittedRow], None] | None = None,
    joblib_backend: str | None = None,
    planned: bool = False,
) -> tuple[BenchResults, Dataset]:
    """Do what bench and fit have in common."""
    on_gpu = shared.device.startswith("cuda")
    if on_gpu:  # scikit-learn asks for it, and SciPy reads it when it is imported
        os.environ.setdefault("SCIPY_ARRAY_API", "1")
    with uncollected():
        from featx.classifiers import check_classifiers, default_classifiers

    names = split_names(classifiers) if classifiers != "auto" else []
    check_classifiers(names)  # before anything takes time
    with StderrProgress(err, shared.quiet) as progress:
        dataset = _load(shared, data, progress)
        from featx.autoencoders.registry import DEFAULT_ENCODERS

        names = names or default_classifiers(len(dataset.train))
        chosen = list(DEFAULT_ENCODERS) if encoders == "auto" else split_names(encoders)
        _say(shared, f"Encoders {', '.join(chosen)}; classifiers {', '.join(names)}.")
        seeded = [replace(shared, seed=shared.seed + i) for i in range(repeats)]
        from featx.benchmark import bench as run
        from featx.budget import Plan, default_seconds, plan_encoders
        from featx.evaluation import with_repeats

        n_images = len(dataset.train) + len(dataset.test)
        seconds = 60 * budget / repeats if budget else default_seconds(n_images)
        plans = [
            plan_encoders(
                one.encoders(dataset, chosen),
                names,
                dataset,
                seconds,
                may_leave_out=encoders == "auto",
                device=shared.device,
            )
            if planned
            else Plan(one.encoders(dataset, chosen))
            for one in seeded
        ]
        for note in plans[0].notes:
            _say(shared, note)
        runs = [
            run(
                dataset,
                plan.encoders,
                names,
                cache=shared.cache(),
                tune=tune,
                seed=one.seed,
                budget=seconds if budget else None,
                n_examples=n_examples,
                examine=n_examples > 0 and position == 0,
                joblib_backend=joblib_backend,
                device=shared.device if on_gpu else None,
                **shared.where,
                progress=progress,
                tell=lambda line: _say(shared, line),
                keep=keep,
            )
            for position, (one, plan) in enumerate(zip(seeded, plans, strict=True))
        ]
    results = with_repeats(runs)
    reduced = {"reduced": plans[0].reduced, "time": plans[0].notes}
    return replace(results, protocol=results.protocol | reduced), dataset


def _load(shared: SharedOptions, data: str, progress: StderrProgress) -> Dataset:
    """Load the images and say what the user should know of them."""
    dataset = shared.load(data, progress)
    for note in dataset.notes:
        _say(shared, note)
    for skipped in dataset.skipped[:20]:
        _tell_skipped(skipped)
    if dataset.skipped:
        err.print(f"{len(dataset.skipped):,} images were skipped.")
    height, width, channels = dataset.train.image_shape
    _say(
        shared,
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test "
        f"images, {height} x {width} x {channels}, {len(dataset.class_names)} classes.",
    )
    return dataset


def _tell_skipped(skipped: Skipped) -> None:
    err.print(f"skipped {skipped.id}: {skipped.reason}", markup=False, soft_wrap=True)


def _print_results(results: BenchResults, shared: SharedOptions) -> None:
    from featx.reports import class_lines, comparison_table, remarks, to_json

    if shared.as_json:
        sys.stdout.write(to_json(results) + "\n")
        return
    out.print(comparison_table(results, width=out.width))
    out.print(f"\n{results.best.name}:", markup=False)
    out.print(class_lines(results.best), markup=False)
    out.print()
    best = results.best.name
    for line in [
        *(remark for remark in remarks(results) if remark.startswith(f"{best} is ")),
        *(f"{r.name}: {note}." for r in results.results for note in r.notes),
    ]:
        out.print(line, markup=False)
    if all(r.cached["encoder"] and r.cached["features"] for r in results.results):
        _say(shared, "Nothing was trained or encoded: all came from the cache.")


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _run_name(data: str) -> str:
    name = os.path.basename(data.rstrip("/")) or "data"
    return f"{datetime.now():%Y%m%d-%H%M%S}-{name}"


def _say(shared: SharedOptions, text: str) -> None:
    if not shared.quiet:
        err.print(text, markup=False, soft_wrap=True)


def _end(shared: SharedOptions, dataset: Dataset) -> None:
    if shared.strict and dataset.skipped:
        raise typer.Exit(3)
