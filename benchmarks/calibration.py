"""How far the probabilities of each classifier can be trusted.

    python -m benchmarks.calibration DIR [--encoder random-patches]

DIR is a tree of train/CLASS/* and test/CLASS/*. Every classifier is fitted on all training
images as `featx fit --save` does it. The expected calibration error (15 bins) of its
probabilities on the test part, with the 95 % interval, stands beside that before: of its
own probabilities where it has some, else of the softmax of its scores. Calibration sees
training images alone. Then, what `featx predict --reject 0.05` would do.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

import featx
from benchmarks.pages import with_section
from featx.catalog import CLASSIFIERS
from featx.classifiers import RiskCoverage, class_scores
from featx.evaluation import Reliability, reliability
from featx.evaluation.intervals import wilson
from featx.experiment import Observer, Protocol
from featx.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "calibration.json"
PAGE = ROOT / "benchmarks" / "README.md"
RATE = 0.05  # of wrong names among those that are given


def measure(
    dataset: featx.Dataset, encoder: str, classifier: str, cache: featx.FeatureCache
) -> dict[str, Any]:
    """Fit, calibrate, and compare probabilities with the test part."""
    found: dict[str, Any] = {}

    def keep(_: Any, row: Any) -> None:
        said = class_scores(row.classifier, np.asarray(test()))
        before = said.scores if said.are_probabilities else softmax(said.scores, axis=1)
        after = row.judged.calibration.probabilities(said)
        right = said.named == dataset.test.y
        places = np.arange(len(right)), said.named
        found["before"] = _told(reliability(before[places], right))
        found["after"] = _told(reliability(after[places], right))
        found["accuracy"] = float(right.mean())
        found["rejected"] = _rejected(row.judged.risk, after[places], right)
        found["calibration"] = vars(row.judged.calibration)

    def test() -> Any:
        encoders = featx.make_encoders(
            [encoder],
            n_images=len(dataset.train),
            n_pixels=int(np.prod(dataset.train.X.shape[1:])),
            options={"random_state": 0},
        )
        return featx.encode(
            dataset, encoders[encoder], cache=cache, name=encoder
        ).test.X

    featx.bench(
        dataset,
        [encoder],
        [classifier],
        protocol=Protocol(n_examples=0, diagnose=False, calibrate_fully=True),
        cache=cache,
        observer=Observer(on_fitted=keep, on_message=print),
    )
    return found


def _rejected(risk: RiskCoverage, sure: Any, right: Any) -> dict[str, Any]:
    """Say how `featx predict --reject 0.05` does on the test part."""
    named = sure >= risk.threshold(RATE)
    wrong, n = int((~right[named]).sum()), int(named.sum())
    ends = [round(float(end), 4) for end in wilson(wrong, n)] if n else None
    return {"named": n / len(right), "error": wrong / n if n else None, "ci95": ends}


def _told(one: Reliability) -> dict[str, Any]:
    return {"error": round(one.error, 4), "ci95": [round(end, 4) for end in one.ci95]}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Write a line for each classifier."""
    lines = [
        "| classifier | accuracy % | before | after | named with `--reject 0.05` | of "
        "these wrong |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        cells = [
            "{:.3f} [{:.3f}, {:.3f}]".format(row[when]["error"], *row[when]["ci95"])
            for when in ("before", "after")
        ]
        rejected = row["rejected"]
        wrong = "–"
        if rejected["ci95"]:
            numbers = [100 * one for one in (rejected["error"], *rejected["ci95"])]
            wrong = "{:.1f} % [{:.1f}, {:.1f}]".format(*numbers)
        lines.append(
            f"| {name} | {100 * row['accuracy']:.1f} | {' | '.join(cells)} "
            f"| {100 * rejected['named']:.0f} % | {wrong} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--encoder", default="random-patches")
    parser.add_argument("--cache-dir")
    parser.add_argument("--only", default=",".join(CLASSIFIERS))
    options = parser.parse_args()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    rows = known.get("rows", {}) if known.get("encoder") == options.encoder else {}
    dataset = featx.load_dataset(options.folder, cache_dir=options.cache_dir)
    cache = featx.FeatureCache(options.cache_dir)
    for name in options.only.split(","):
        if name not in rows:
            rows[name] = measure(dataset, options.encoder, name, cache)
            print(name, rows[name], file=sys.stderr)
            document = {"encoder": options.encoder, "machine": describe_machine()}
            RESULTS.write_text(json.dumps(document | {"rows": rows}, indent=1) + "\n")
    PAGE.write_text(with_section(PAGE.read_text(), "calibration", table(rows)))
    print(table(rows))


if __name__ == "__main__":
    main()
