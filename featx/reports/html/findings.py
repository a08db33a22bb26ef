"""What the page shows of the evidence: map, neighbours and suspicious images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featx.evaluation.duplicates import CHANCE, LIKENESS
from featx.evaluation.evidence import map_positions
from featx.reports.album import Album
from featx.reports.runs import Run
from featx.reports.sentences import duplicates_line

_MAX_LISTED = 60  # suspicious images that the page shows
_MAP_COLOURED = 12  # classes that colour and shape can tell apart


def tiles(album: Album) -> tuple[dict[int, int], dict[int, int]]:
    """Find the tile of each test and each training image that has one."""
    test = {int(row): i for i, row in enumerate(album.test_rows)}
    after = len(test)
    train = {int(row): after + i for i, row in enumerate(album.train_rows)}
    return test, train


def feature_map(run: Run, names: Sequence[str], method: str) -> dict[str, Any] | None:
    """Place the points of the map, 700 wide and 480 high."""
    found = run.results.evidence
    if found is None or not len(found.map_rows):
        return None
    tile, _ = tiles(run.album)
    points = map_positions(found, method)
    y = run.results.y_true[found.map_rows]
    return {
        "encoder": found.encoder,
        "method": {"pca": "first two principal components", "tsne": "t-SNE"}[method],
        "pictured": sum(int(row) in tile for row in found.map_rows),
        "n": len(points),
        "n_test": len(run.results.y_true),
        "coloured": len(names) <= _MAP_COLOURED,
        "points": [
            {
                "x": f"{20 + 660 * x:.1f}",
                "y": f"{20 + 440 * (1 - y_):.1f}",
                "label": int(label),
                "tile": tile.get(int(row), -1),
                "row": int(row),
            }
            for (x, y_), label, row in zip(points, y, found.map_rows, strict=True)
        ],
    }


def neighbours(run: Run, names: Sequence[str]) -> list[dict[str, Any]]:
    """List some test images with the training images nearest to them."""
    found = run.results.evidence
    if found is None:
        return []
    tile, train_tile = tiles(run.album)
    y, label = run.results.y_true, _train_labels(run.album)
    return [
        {
            "tile": tile.get(int(query), -1),
            "name": names[y[query]],
            "id": str(run.results.ids[query]),
            "near": [
                {
                    "tile": train_tile[int(row)],
                    "name": names[label[int(row)]],
                    "same": label[int(row)] == y[query],
                }
                for row in rows
                if int(row) in train_tile
            ],
        }
        for query, rows in zip(found.query_rows, found.neighbour_rows, strict=True)
    ]


def _train_labels(album: Album) -> dict[int, int]:
    return dict(zip(album.train_rows.tolist(), album.train_y.tolist(), strict=True))


def suspects(run: Run, names: Sequence[str]) -> dict[str, Any] | None:
    """List images that spoil the comparison, and how they were found."""
    found = run.results.evidence
    if found is None:
        return None
    _, train_tile = tiles(run.album)
    ids = _train_ids(run.album)
    label = _train_labels(run.album)
    mislabelled = [
        {
            "tile": train_tile[int(row)],
            "id": ids[int(row)],
            "given": names[label[int(row)]],
            "like": names[as_],
            "margin": f"{margin:.2f}",
        }
        for row, as_, margin in zip(
            found.mislabelled_rows,
            found.mislabelled_as,
            found.mislabelled_margin,
            strict=True,
        )
        if int(row) in train_tile
    ]
    return {
        "encoder": found.encoder,
        "mislabelled": mislabelled[:_MAX_LISTED],
        "n_mislabelled": found.n_mislabelled,
        "n_judged": found.n_judged,
        "accuracy": f"{100 * found.left_out_accuracy:.1f}",
    }


def copies(run: Run, names: Sequence[str]) -> dict[str, Any] | None:
    """List test images that are copies of training images, and how they were found."""
    found = run.results.duplicates
    if found is None:
        return None
    tile, train_tile = tiles(run.album)
    ids = _train_ids(run.album)
    label = _train_labels(run.album)
    pairs = [
        {
            "tile": tile.get(int(row), -1),
            "train_tile": train_tile[int(of)],
            "id": str(run.results.ids[row]),
            "train_id": ids[int(of)],
            "name": names[run.results.y_true[row]],
            "train_name": names[label[int(of)]],
            "likeness": "equal" if likeness == 1 else f"{min(likeness, 0.999):.3f}",
        }
        for row in found.test_rows[:_MAX_LISTED]
        for of, likeness in [(found.of[row], found.likeness[row])]
        if int(of) in train_tile
    ]
    return {
        "line": duplicates_line(run.results),
        "pairs": pairs,
        "n": len(found.test_rows),
        "n_searched": f"{found.n_searched:,}",
        "one_in": f"{1 / CHANCE:,.0f}",
        "likeness": LIKENESS,
    }


def _train_ids(album: Album) -> dict[int, str]:
    return dict(zip(album.train_rows.tolist(), album.train_ids.tolist(), strict=True))
