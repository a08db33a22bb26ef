"""Measure the speed claims.

    python -m benchmarks                      all of them; hours
    python -m benchmarks training svm         some of them
    python -m benchmarks --quick --json       tiny sizes: whether the scripts work
    python -m benchmarks --readme             only write the table

Each result is written to benchmarks/results and into the table of docs/measured.md,
unless --quick is given. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from benchmarks import measure, table
from featx.errors import unknown_name

CLAIMS = (
    "training",
    "training_rate",
    "skorch_training",
    "deep_encoding",
    "torch_encoder",
    "patch_encoding",
    "decoding",
    "prediction",
    "svm",
    "logreg",
    "repeated_bench",
    "cached_encode",
    "growth_images",
    "growth_features",
    "gpu_training",
    "gpu_encoding",
)


def missing(module: ModuleType) -> str:
    """Say what a claim needs that is not here; empty if nothing."""
    need = getattr(module, "NEEDS", "")
    if need == "cuda":
        import torch

        return "" if torch.cuda.is_available() else "a CUDA device"
    return "" if not need or find_spec(need) else f"{need} (pip install '.[peers]')"


def run(
    names: Sequence[str], *, quick: bool, pairs: int = measure.PAIRS
) -> list[dict[str, Any]]:
    """Measure claims one after the other; those that cannot be are left out, and said."""
    outcomes = []
    for name in names:
        if name not in CLAIMS:
            raise unknown_name("claim", name, CLAIMS)
        module = import_module(f"benchmarks.{name}")
        if lack := missing(module):
            print(f"{name}: left out, it needs {lack}", file=sys.stderr)
            continue
        print(f"{name}: {module.SAYS}", file=sys.stderr, flush=True)
        outcome = measure.compare(module, quick=quick, pairs=pairs)
        if not quick:
            table.write(outcome)
        low, high = outcome["spread"]
        print(
            f"  ratio {table.number(outcome['ratio'])} ({table.number(low)} to "
            f"{table.number(high)}), promised {outcome['bar']}",
            file=sys.stderr,
            flush=True,
        )
        outcomes.append(outcome)
    return outcomes


def main(argv: Sequence[str] | None = None) -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CLAIMS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, in seconds")
    parser.add_argument(
        "--pairs", type=int, default=measure.PAIRS, help="turns of each"
    )
    parser.add_argument("--json", action="store_true", help="print a list of results")
    parser.add_argument("--readme", action="store_true", help="measure nothing")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.names if name not in CLAIMS]:
        parser.error(str(unknown_name("claim", unknown[0], CLAIMS)))
    outcomes = []
    if not args.readme:
        outcomes = run(args.names or CLAIMS, quick=args.quick, pairs=args.pairs)
    if not args.quick:
        page = table.PAGE.read_text()
        table.PAGE.write_text(table.with_table(page, table.read(CLAIMS)))
    if args.json:
        print(json.dumps(outcomes, indent=1))


if __name__ == "__main__":
    main()
