"""The command line: the only module that prints and returns exit codes."""

from __future__ import annotations

import atexit
import csv
import io
import json
import os
import re
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from featx._version import __version__
from featx.collecting import uncollected
from featx.console import SafeConsole, StderrProgress, prepare_streams
from featx.errors import FeatxError, FeatxWarning, MissingDataError
from featx.names import NAMES_AS_BYTES, safe_cell
from featx.options import (
    ENCODERS,
    IMAGES,
    OUTPUT,
    SharedOptions,
    check_minutes,
    check_words,
    here,
    one_name,
    parse_size,
    parse_time,
    shares_options,
    split_names,
)

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.evaluation import BenchResults
    from featx.experiment import Budget, FittedRow, Protocol
    from featx.images import Dataset, Skipped
    from featx.model import Model

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

out = SafeConsole()
err = SafeConsole(stderr=True)

TERMINATED = 128 + signal.SIGTERM  # the exit code
STOP_SECONDS = 3.0  # that a process has to clean up after SIGTERM
# as torch says it, as the system does, and as the loader of libraries does
_NO_MEMORY = re.compile(
    "allocate memory|out of memory|failed to map segment", re.IGNORECASE
)
SILENT_SECONDS = 2.0  # a prediction that takes longer shows its progress

Data = Annotated[
    str,
    typer.Argument(
        help="A name (digits, cifar10, cifar100, mnist, fashion-mnist, svhn, stl10), a "
        "folder with a folder per class, an .npz file, or shards: .tar or .parquet files, "
        "or a folder of them. All may be URLs such as s3://bucket/images."
    ),
]
DEFAULT_ENCODER = "patch"
Encoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        "--encoders",
        help="raw, pca, untrained, random-patches, patch, conv, denoising, vae or "
        "masked.",
    ),
]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune", help="Choose each classifier's settings on the validation part."
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(callback=here, help="Where encoders and features are kept."),
]


def entry() -> None:
    """Run the command line and end the process."""
    # Threads that spin while they wait steal cores that other processes need. OpenMP
    # and OpenBLAS read this when torch, numpy and scipy load them; on a quiet machine it
    # costs nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2**4 cycles, not 2**26
    if os.name == "posix":
        _stop_on_sigterm()
    raise SystemExit(main())


def _stop_on_sigterm() -> None:
    """Let SIGTERM end the process as Ctrl-C does, and within seconds."""
    received, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _stop)
    os.register_at_fork(
        before=lambda: _mask(signal.SIG_BLOCK),
        after_in_parent=lambda: _mask(signal.SIG_UNBLOCK),
        after_in_child=_as_usual,
    )
    atexit.register(_skip_teardown)  # the first to be registered is the last to run
    threading.Thread(target=_stop_late, args=(received,), daemon=True).start()


def _as_usual() -> None:
    """Undo it in a process that is forked: its signals would be taken for ours."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _mask(signal.SIG_UNBLOCK)


def _mask(how: int) -> None:
    signal.pthread_sigmask(how, {signal.SIGTERM})


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; it cleans up
    raise SystemExit(TERMINATED)


_stopped = threading.Event()  # and it was told


def _stop_late(received: int) -> None:
    """End the process where Python does not come to it, as amid a long fit.

    Nothing is lost by that: what is in the cache is whole or absent, and workers end with
    the process that started them.
    """
    while signal.SIGTERM not in os.read(received, 64):
        pass
    time.sleep(STOP_SECONDS)
    _tell_stopped()
    os._exit(TERMINATED)


def _skip_teardown() -> None:
    """Spare what Python and large libraries do last, for seconds where cores are busy."""
    if _stopped.is_set():
        sys.stderr.flush()
        os._exit(TERMINATED)


def _tell_stopped() -> None:
    if not _stopped.is_set():
        _stopped.set()
        _print_line("Terminated. Rerun the same command to resume.", "yellow")


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
        given, 130 interrupted, 143 terminated.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:
        return _fail("Got a closed stdout, but expected to write the result there.")
    try:
        prepare_streams()
        check_words(words)
        with _own_warnings_in_one_line():
            try:
                app(args=words, prog_name="featx", obj=shlex.join(["featx", *words]))
            finally:
                out.flush()
    except SystemExit as stop:
        if stop.code == 130:  # Ctrl-C, as typer passes it on
            return _interrupted()
        if stop.code == TERMINATED:
            _tell_stopped()
        return int(stop.code or 0)
    except KeyboardInterrupt:
        return _interrupted()
    except (FeatxError, MemoryError, RuntimeError, OSError, ImportError) as error:
        if _lacks_memory(error):
            return _fail(
                "Got no more memory from the system. Use fewer or smaller images "
                "(--limit, --size), a smaller --batch-size, or a machine with more."
            )
        if not isinstance(error, FeatxError):
            raise
        return _fail(str(error))
    return 0


def _interrupted() -> int:
    _print_line("Interrupted. Rerun the same command to resume.", "yellow")
    return 130


def _lacks_memory(error: BaseException) -> bool:
    """Whether it comes of too little memory, for which few libraries have an error."""
    chain: BaseException | None = error
    while chain is not None:
        kinds = (OSError, ImportError, RuntimeError)
        if isinstance(chain, MemoryError):
            return True
        if isinstance(chain, kinds) and _NO_MEMORY.search(str(chain)):
            return True
        chain = chain.__cause__
    return False


def _fail(message: str) -> int:
    _print_line(message, "red")
    return 1


def _print_line(message: object, style: str) -> None:
    line = f"featx: {' '.join(str(message).split())}"
    err.print(line, style=style, soft_wrap=True)


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
@shares_options(IMAGES, ENCODERS, OUTPUT)
def bench(
    context: typer.Context,
    *,
    shared: SharedOptions,
    data: Data = "digits",
    encoders: Annotated[
        str,
        typer.Option(
            "--encoders",
            "--encoder",
            help="Encoders, separated by commas: raw, pca, untrained, random-patches, "
            "patch, conv, denoising, vae, masked; or auto.",
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
        int,
        typer.Option(
            min=1, max=1000, help="Run with this many seeds and show the spread."
        ),
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
        Path | None,
        typer.Option(
            "--out", callback=here, help="Run folder; default runs/TIME-DATA."
        ),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Draw figures too, as PNG and SVG.")
    ] = False,
) -> None:
    """Compare encoders with classifiers and leave a folder of results."""
    _let_classifiers_use_device(shared)
    with uncollected():
        from featx.experiment import Budget, Protocol, default_seconds
        from featx.reports import check_run_folder, new_run_folder, save_run

    check_minutes(budget)
    runs = Path("runs")
    check_run_folder(out_dir or runs)  # before anything takes time
    protocol = Protocol(tune=tune, repeats=repeats, seed=shared.seed)

    def budget_for(n_images: int) -> Budget:
        if budget is not None:
            return Budget(60 * budget, may_leave_out=encoders == "auto")
        return Budget(
            repeats * default_seconds(n_images),
            may_leave_out=encoders == "auto",
            limits_fits=False,
        )

    results, dataset = _compare(
        shared,
        data,
        encoders,
        clf,
        protocol,
        joblib_backend=joblib_backend,
        budget=budget_for,
    )
    folder = out_dir or new_run_folder(runs, _run_name(dataset.name))
    save_run(results, dataset, folder, context.obj, figures=figures)
    _print_results(results, shared, folder, context.obj)
    if not shared.as_json:
        _say(shared, f"Run folder: {folder}, page: {folder / 'report.html'}")
    _end(shared, dataset)


@app.command()
@shares_options(IMAGES, ENCODERS, OUTPUT)
def fit(
    context: typer.Context,
    *,
    shared: SharedOptions,
    data: Data = "digits",
    encoder: Encoder = DEFAULT_ENCODER,
    clf: Annotated[
        str,
        typer.Option(help="linear-svm, logreg, ridge, svm, kernel-ridge, mlp or knn."),
    ] = "svm",
    tune: Tune = False,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", callback=here, help="Write a run folder too."),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Write encoder and classifier to this .featx file."
        ),
    ] = None,
) -> None:
    """Fit one classifier on features, encoding what is not cached yet."""
    _let_classifiers_use_device(shared)
    if out_dir is not None:  # before anything takes time
        from featx.reports import check_run_folder, save_run

        check_run_folder(out_dir)
    if save is not None:
        from featx.storage import check_out

        check_out(save)
    with uncollected():
        from featx.experiment import Protocol

    protocol = Protocol(
        tune=tune,
        seed=shared.seed,
        # for figures; they need the encoder itself
        n_examples=Protocol.n_examples if out_dir else 0,
        diagnose=out_dir is not None,
    )
    kept: list[tuple[BaseEstimator, FittedRow]] = []
    results, dataset = _compare(
        shared,
        data,
        one_name(encoder),
        one_name(clf),
        protocol,
        on_fitted=None if save is None else lambda *fitted: kept.append(fitted),
    )
    if out_dir is not None:
        save_run(results, dataset, out_dir, context.obj)
    if save is not None:
        from featx.bundle import save as save_model
        from featx.model import Model

        ((fitted, row),) = kept
        names = dataset.class_names
        model = Model.of(fitted, row.classifier, names, image_fit=shared.fit)
        save_model(model, save)
    _print_results(results, shared, out_dir, context.obj)
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
    out_file: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write to this file or URL, whole or not at all, instead of stdout.",
        ),
    ] = None,
    nul: Annotated[
        bool,
        typer.Option(
            "-0",
            "--null",
            help="Paths on stdin end with NUL, as 'find -print0' writes them; seen "
            "without this option, too.",
        ),
    ] = False,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Name the class of images with a saved model; CSV to stdout.

    In CSV, a file or class name that begins with =, +, - or @ gets an apostrophe before
    it: a spreadsheet would take it for a formula.
    """
    from featx.bundle import load
    from featx.images import find_images, read_images, read_list
    from featx.storage import check_out, write_out

    if nul and "-" not in paths:
        raise typer.BadParameter("-0 is about a list on stdin; give - as a path, too")
    if "-" in paths and sys.stdin is None:
        raise MissingDataError(
            "Got a closed stdin, but expected a list of paths there."
        )
    if out_file is not None:
        check_out(out_file)
    loaded = load(model)
    _use_device(loaded, device)
    total, files = 0, find_images(path for path in paths if path != "-")
    if "-" in paths:
        files = chain(files, read_list(sys.stdin.buffer, nul=nul))
    else:
        every = list(files)
        total, files = len(every), iter(every)
    # stdout as it is now: while there is progress, what libraries print goes to stderr
    sink = SafeConsole(file=sys.stdout if out_file is None else io.StringIO())
    writer = _PredictionWriter(sink, loaded.confidence, as_json)
    n_skipped, start = 0, time.monotonic()
    with StderrProgress(err, quiet or sink.file.isatty()) as progress:
        for batch in read_images(files, loaded.image_shape, loaded.image_fit):
            writer.write(batch.ids, *loaded.predict_with_confidence(batch.X))
            for skipped in batch.skipped:
                _tell_skipped(skipped)
            n_skipped += len(batch.skipped)
            done = writer.n_written + n_skipped
            if time.monotonic() - start > SILENT_SECONDS:
                what = "predict" if total else f"predict, {done:,} images"
                progress(what, done, total)
    if not writer.n_written:
        raise MissingDataError(
            f"Got {n_skipped:,} files, but expected at least one image that can be read. "
            "Check the paths."
        )
    if out_file is not None:
        text = sink.file.getvalue()  # type: ignore[attr-defined]
        write_out(out_file, text.encode(errors=NAMES_AS_BYTES))
    if n_skipped:
        err.print(f"{n_skipped:,} images were skipped.")
        if strict:
            raise typer.Exit(3)


class _PredictionWriter:
    """Writes predictions as CSV, or as a JSON object per line."""

    def __init__(self, sink: SafeConsole, confidence: str, as_json: bool) -> None:
        self.sink, self.as_json = sink, as_json
        self.head = ["id", "class", confidence]
        self.lines = csv.writer(sink, lineterminator="\n")
        self.n_written = 0

    def write(self, ids: list[str], names: Any, sure: Any) -> None:
        """Write a batch of them; the head of the table before the first one."""
        if ids and not self.n_written and not self.as_json:
            self.lines.writerow(self.head)
        for row in zip(ids, names.tolist(), sure.tolist(), strict=True):
            if self.as_json:
                line = json.dumps(dict(zip(self.head, row, strict=True)))
                self.sink.write(line + "\n")
            else:
                path, name, value = row
                self.lines.writerow([safe_cell(path), safe_cell(name), f"{value:.6g}"])
        self.n_written += len(ids)


def _use_device(model: Model, device: str) -> None:
    """Let a model encode on the device that was named."""
    if device == "auto":
        return
    from featx.autoencoders.device import choose_device

    choose_device(device)  # refused here, even where the encoder needs none
    encoder = model.pipeline[0]
    if "device" in encoder.get_params():
        encoder.set_params(device=device)


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
    figures: Annotated[
        bool,
        typer.Option(
            "--figures", help="Draw figures too, as PNG and SVG, in RUN/figures."
        ),
    ] = False,
) -> None:
    """Make the page of a run anew, report.html in its folder."""
    from featx.reports import save_figures, save_page

    page = save_page(run, compare, map_method=map_method)
    out.print(str(page), soft_wrap=True)
    if figures:
        drawn = save_figures(run)
        out.print(str(drawn[0].parent), soft_wrap=True)
    if open_page and typer.launch(page.resolve().as_uri()):
        err.print("No browser could be started here; open the page by hand.")


@app.command()
@shares_options(IMAGES, ENCODERS, OUTPUT)
def encode(
    *,
    shared: SharedOptions,
    data: Data = "digits",
    encoder: Encoder = DEFAULT_ENCODER,
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
            out.print(f"{part:<5} {path}", soft_wrap=True)
        for path in tables:
            out.print(path, soft_wrap=True)
    _end(shared, dataset)


@app.command()
@shares_options(IMAGES, ENCODERS, OUTPUT)
def train(
    *, shared: SharedOptions, data: Data = "digits", encoder: Encoder = DEFAULT_ENCODER
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
@shares_options(IMAGES, OUTPUT)
def show_data(
    *,
    shared: SharedOptions,
    data: Data = "digits",
    grid: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a grid of samples per class to this PNG."
        ),
    ] = None,
) -> None:
    """Show sizes, classes and counts per class; with --grid, draw samples of each."""
    from featx.reports import data_table, save_samples
    from featx.storage import check_out

    if grid is not None:
        check_out(grid)  # before anything takes time
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
        out.print(line, soft_wrap=True)
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
        out.print(line, soft_wrap=True)
    out.print(f"{decimal(sum(entry.size for entry in gone))} in {len(gone)} entries")


def _let_classifiers_use_device(shared: SharedOptions) -> None:
    """Say that tensors may come: scikit-learn asks for it, SciPy reads it at import."""
    if shared.cuda_device:
        os.environ.setdefault("SCIPY_ARRAY_API", "1")


def _compare(
    shared: SharedOptions,
    data: str,
    encoders: str,
    classifiers: str,
    protocol: Protocol,
    *,
    joblib_backend: str | None = None,
    budget: Callable[[int], Budget] | None = None,
    on_fitted: Callable[[BaseEstimator, FittedRow], None] | None = None,
) -> tuple[BenchResults, Dataset]:
    """Do what bench and fit have in common; `budget` is told the number of images."""
    with uncollected():
        from featx.autoencoders.registry import DEFAULT_ENCODERS
        from featx.classifiers import check_classifiers, default_classifiers
        from featx.experiment import Backend, Observer
        from featx.experiment import bench as run

    names = split_names(classifiers) if classifiers != "auto" else []
    check_classifiers(names)  # before anything takes time
    with StderrProgress(err, shared.quiet) as progress:
        dataset = _load(shared, data, progress)
        names = names or default_classifiers(len(dataset.train))
        chosen = list(DEFAULT_ENCODERS) if encoders == "auto" else split_names(encoders)
        _say(shared, f"Encoders {', '.join(chosen)}; classifiers {', '.join(names)}.")
        n_images = len(dataset.train) + len(dataset.test)
        results = run(
            dataset,
            shared.encoders(dataset, chosen),
            names,
            protocol=protocol,
            backend=Backend(
                **shared.where, joblib=joblib_backend, device=shared.cuda_device
            ),
            cache=shared.cache(),
            budget=None if budget is None else budget(n_images),
            observer=Observer(
                on_progress=progress,
                on_message=lambda line: _say(shared, line),
                on_fitted=on_fitted,
            ),
        )
    return results, dataset


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
    err.print(f"skipped {skipped.id}: {skipped.reason}", soft_wrap=True)


def _print_results(
    results: BenchResults, shared: SharedOptions, folder: Path | None, command: str
) -> None:
    from featx.reports import advice, class_lines, comparison_table, to_json

    if shared.as_json:
        written = None if folder is None else str(folder)
        out.write(to_json(results, folder=written) + "\n")
        return
    out.print(comparison_table(results, width=out.options.max_width))
    out.print(f"\n{results.best.name}:")
    out.print(class_lines(results.best))
    out.print()
    for line in [
        *advice(results, command),
        *_notes(results),
    ]:
        out.print(line)
    if all(r.cached["encoder"] and r.cached["features"] for r in results.rows):
        _say(shared, "Nothing was trained or encoded: all came from the cache.")


def _notes(results: BenchResults) -> Iterator[str]:
    """Say each note once, with the rows that it is for."""
    rows: dict[str, list[str]] = {}
    for row in results.rows:
        for note in row.notes:
            rows.setdefault(note, []).append(row.name)
    for note, names in rows.items():
        every = len(names) == len(results.rows) > 1
        yield f"{'every row' if every else ', '.join(names)}: {note}."


def _print_json(value: object) -> None:
    out.write(json.dumps(value, indent=2) + "\n")


def _run_name(data: str) -> str:
    name = os.path.basename(data.rstrip("/")) or "data"
    return f"{datetime.now():%Y%m%d-%H%M%S}-{name}"


def _say(shared: SharedOptions, text: str) -> None:
    if not shared.quiet:
        err.print(text, soft_wrap=True)


def _end(shared: SharedOptions, dataset: Dataset) -> None:
    if shared.strict and dataset.skipped:
        raise typer.Exit(3)
