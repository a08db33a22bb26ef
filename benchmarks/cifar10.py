"""The accuracy table of the README: CIFAR-10 from a class-per-folder tree.

    python -m benchmarks.cifar10 DIR       run the comparison, write the results file
    python -m benchmarks.cifar10 --readme  write the table into the README

The claim, asserted at the end of the run: within 40 minutes on 2 cores, raw images to
table, the best `conv` row reaches 62 % and is better than raw pixels, PCA and the
untrained encoder with the same classifier.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from featx.cli import main as featx

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "cifar10.json"
COMMAND = "--encoders raw,pca,untrained,conv --clf logreg,svm,mlp"
BEGIN, END = "<!-- cifar10 begin -->", "<!-- cifar10 end -->"


def run(folder: str) -> dict[str, Any]:
    """Run the whole comparison with an empty cache and return its results."""
    with tempfile.TemporaryDirectory() as work:
        start = time.perf_counter()
        where = ["--out", f"{work}/run", "--cache-dir", f"{work}/cache"]
        code = featx(["bench", folder, *COMMAND.split(), *where])
        seconds = time.perf_counter() - start
        if code:
            raise SystemExit(code)
        results = json.loads(Path(work, "run", "results.json").read_text())
    results["data"]["name"] = "CIFAR-10, JPEG copy"
    results["wall_seconds"] = round(seconds, 1)
    results["command"] = f"featx bench DIR {COMMAND}"
    return results


def check(results: dict[str, Any]) -> None:
    """Assert the claim."""
    rows = [r for r in results["results"] if r["encoder"] == "conv"]
    best = max(rows, key=lambda r: r["accuracy"])
    name = f"conv + {best['classifier']}"
    tests = [c for c in results["comparisons"] if c["row"] == name]
    beaten = {c["other"].split(" + ")[0] for c in tests if c["verdict"] == "better"}
    assert best["accuracy"] >= 0.62, best["accuracy"]
    assert beaten >= {"raw", "pca", "untrained"}, beaten
    assert results["wall_seconds"] <= 40 * 60, results["wall_seconds"]


def table(results: dict[str, Any]) -> str:
    """Write the README's table: encoders down, classifiers across."""
    rows = results["results"]
    classifiers = list(dict.fromkeys(r["classifier"] for r in rows))
    lines = [
        "| encoder | features | " + " | ".join(classifiers) + " | made in |",
        "|---|--:|" + "--:|" * len(classifiers) + "--:|",
    ]
    top = max(r["accuracy"] for r in rows)
    for encoder in dict.fromkeys(r["encoder"] for r in rows):
        mine = {r["classifier"]: r for r in rows if r["encoder"] == encoder}
        first = next(iter(mine.values()))
        cells = []
        for classifier in classifiers:
            row = mine[classifier]
            low, high = (100 * bound for bound in row["accuracy_ci95"])
            value = f"{100 * row['accuracy']:.1f}"
            value = f"**{value}**" if row["accuracy"] == top else value
            cells.append(f"{value} [{low:.1f}, {high:.1f}]")
        made = first["train_seconds"] + first["encode_seconds"]
        lines.append(
            f"| {encoder} | {first['n_features']:,} | {' | '.join(cells)} | {made:,.0f} s |"
        )
    machine, data = results["machine"], results["data"]
    versions = machine["versions"]
    lines += [
        "",
        f"Test accuracy in % with its 95 % interval on {data['name']} "
        f"({data['n_train']:,} training and {data['n_test']:,} test images, n = 1 run, "
        f"seed {results['protocol']['seed']}); the encoders saw no labels. The whole table "
        f"took {results['wall_seconds'] / 60:.0f} minutes on {machine['processor']}, "
        f"{machine['cores']} cores, no GPU, with torch {versions['torch']}, scikit-learn "
        f"{versions['scikit-learn']} and scikit-learn-intelex "
        f"{versions['scikit-learn-intelex']}: `{results['command']}`. The JPEG copy is "
        "lossy and costs 3 to 4 points against the original images.",
    ]
    return "\n".join(lines)


def with_table(readme: str, results: dict[str, Any]) -> str:
    """Return the README with the table of these results in its place."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="DIR/train/CLASS/*, DIR/test/CLASS/*")
    parser.add_argument(
        "--readme", action="store_true", help="write the README's table"
    )
    args = parser.parse_args()
    if not args.folder and not args.readme:
        parser.error("give a folder, --readme or both")
    if args.folder:
        results = run(args.folder)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        check(results)
    if args.readme:
        readme = ROOT / "README.md"
        readme.write_text(
            with_table(readme.read_text(), json.loads(RESULTS.read_text()))
        )


if __name__ == "__main__":
    main()
