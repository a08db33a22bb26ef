"""The program: its commands, and what becomes of errors and interrupts."""

from __future__ import annotations

import gc
import os
import re
import shlex
import sys
from collections.abc import Sequence

import typer

from featx import system
from featx._version import __version__
from featx.cli.bench import bench
from featx.cli.cache import cache_app
from featx.cli.console import prepare_streams
from featx.cli.curve import curve
from featx.cli.data import show_data
from featx.cli.encode import encode
from featx.cli.export import export
from featx.cli.fields import with_options
from featx.cli.fit import fit
from featx.cli.names import classifiers, encoders
from featx.cli.output import out, print_line, warnings_in_one_line
from featx.cli.parsing import check_words
from featx.cli.predict import predict
from featx.cli.report import report
from featx.cli.serve import serve
from featx.cli.signals import TERMINATED, ending, stop_on_sigterm, tell_stopped
from featx.cli.similar import similar
from featx.cli.suggest import suggest
from featx.cli.train import train
from featx.errors import FeatxError

app = typer.Typer(
    name="featx",
    help="Train autoencoders on your images without labels, fit scikit-learn classifiers "
    "on their features, and see honestly which combination is best.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(bench, curve, fit, predict, similar, suggest, serve),
    *(export, report, encode, train),
):
    app.command()(with_options(command))
app.command("data")(with_options(show_data))
for listing in (encoders, classifiers):
    app.command()(with_options(listing))
app.add_typer(cache_app, name="cache")

# as torch says it, as the system does, and as the loader of libraries does
_NO_MEMORY = re.compile(
    "allocate memory|out of memory|bad_alloc|failed to map segment", re.IGNORECASE
)


def entry() -> None:
    """Run the command line and end the process."""
    # Threads that spin while they wait steal cores that other processes need. OpenMP
    # and OpenBLAS read this when torch, numpy and scipy load them; on a quiet machine it
    # costs nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2**4 cycles, not 2**26
    gc.set_threshold(50_000)  # imports and listings make many objects that all stay
    # what an Apple GPU cannot do, torch then does on the processor; read when it loads
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    if not system.WINDOWS:
        stop_on_sigterm()
    raise SystemExit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with these words, or with those of the process.

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
        with warnings_in_one_line():
            try:
                app(args=words, prog_name="featx", obj=shlex.join(["featx", *words]))
            finally:
                out.flush()
    except SystemExit as stop:
        if stop.code == 130:  # Ctrl-C, as typer passes it on
            return _interrupted()
        if stop.code == TERMINATED:
            tell_stopped()
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
    print_line(ending("Interrupted"), "yellow")
    return 130


def _fail(message: str) -> int:
    print_line(message, "red")
    return 1


def _lacks_memory(error: BaseException) -> bool:
    """Whether it comes of too little memory, for which few libraries have an error."""
    cause: BaseException | None = error
    while cause is not None:
        kinds = (OSError, ImportError, RuntimeError)
        if isinstance(cause, MemoryError):
            return True
        if isinstance(cause, kinds) and _NO_MEMORY.search(str(cause)):
            return True
        cause = cause.__cause__
    return False


def _version(value: bool) -> None:
    if value:
        out.print(f"featx {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass
