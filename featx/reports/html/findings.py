"""What the page shows of images: map, neighbors, suspicious ones and copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from featx.evaluation.duplicates import SIMILARITY
from featx.evaluation.feature_diagnostics import map_positions
from featx.evaluation.nearness import CHANCE
from featx.reports.album import Album
from featx.reports.runs import Run
from featx.reports.sentences import duplicates_line

_MAX_LISTED = 60  # suspicious images that the page shows
_MAP_COLORED = 12  # classes that color and shape can tell apart


class _TrainImage(NamedTuple):
    """A training image that the page shows."""

    tile: int
    label: int
    id: str


def tile_by_test_row(album: Album) -> dict[int, int]:
    """Find the tile of each test image that has one, by its row."""
    return {row: tile for tile, row in enumerate(album.test_rows.tolist())}


def _train_images(album: Album) -> dict[int, _TrainImage]:
    """Find the training images that have a tile, by their row."""
    tiles = range(len(album.test_rows), len(album.test_rows) + len(album.train_rows))
    images = map(_TrainImage, tiles, album.train_y.tolist(), album.train_ids.tolist())
    return dict(zip(album.train_rows.tolist(), images, strict=True))


def feature_map(run: Run, names: Sequence[str], method: str) -> dict[str, Any] | None:
    """Place the points of the map, 700 wide and 480 high."""
    found = run.results.diagnostics
    if found is None or not len(found.map_rows):
        return None
    tile = tile_by_test_row(run.album)
    points = map_positions(found, method)
    y = run.results.y_true[found.map_rows]
    return {
        "encoder": found.encoder,
        "method": {"pca": "first two principal components", "tsne": "t-SNE"}[method],
        "pictured": sum(row in tile for row in found.map_rows),
        "n": len(points),
        "n_test": len(run.results.y_true),
        "colored": len(names) <= _MAP_COLORED,
        "points": [
            {
                "x": f"{20 + 660 * x:.1f}",
                "y": f"{20 + 440 * (1 - y_):.1f}",
                "label": int(label),
                "tile": tile.get(row, -1),
                "row": int(row),
            }
            for (x, y_), label, row in zip(points, y, found.map_rows, strict=True)
        ],
    }


def neighbors(run: Run, names: Sequence[str]) -> list[dict[str, Any]]:
    """List some test images with the training images nearest to them."""
    found = run.results.diagnostics
    if found is None:
        return []
    tile, train = tile_by_test_row(run.album), _train_images(run.album)
    if not train:  # a run that was saved without its images
        return []
    y = run.results.y_true
    return [
        {
            "tile": tile.get(query, -1),
            "name": names[y[query]],
            "id": str(run.results.ids[query]),
            "near": [
                {
                    "tile": train[row].tile,
                    "name": names[train[row].label],
                    "same": train[row].label == y[query],
                }
                for row in rows
                if row in train
            ],
        }
        for query, rows in zip(found.query_rows, found.neighbor_rows, strict=True)
    ]


def label_issues(run: Run, names: Sequence[str]) -> dict[str, Any] | None:
    """List training images that look mislabeled, and how they were found."""
    found = run.results.diagnostics
    if found is None:
        return None
    train = _train_images(run.album)
    columns = found.issue_rows, found.issue_labels, found.issue_margins
    mislabeled = [
        {
            "tile": train[row].tile,
            "id": train[row].id,
            "label": names[train[row].label],
            "like": names[suggested],
            "margin": f"{margin:.2f}",
        }
        for row, suggested, margin in zip(*columns, strict=True)
        if row in train
    ]
    return {
        "encoder": found.encoder,
        "mislabeled": mislabeled[:_MAX_LISTED],
        "n_issues": found.n_issues,
        "n_judged": found.n_judged,
        "accuracy": f"{100 * found.left_out_accuracy:.1f}",
    }


def copies(run: Run, names: Sequence[str]) -> dict[str, Any] | None:
    """List test images that are copies of training images, and how they were found."""
    found = run.results.duplicates
    if found is None:
        return None
    tile, train = tile_by_test_row(run.album), _train_images(run.album)
    pairs = []
    for row in found.test_rows[:_MAX_LISTED]:
        original, similarity = train.get(found.of[row]), found.similarity[row]
        if original is not None:
            pairs.append(
                {
                    "tile": tile.get(row, -1),
                    "train_tile": original.tile,
                    "id": str(run.results.ids[row]),
                    "train_id": original.id,
                    "name": names[run.results.y_true[row]],
                    "train_name": names[original.label],
                    "similarity": "equal"
                    if similarity == 1
                    else f"{min(similarity, 0.999):.3f}",
                }
            )
    return {
        "line": duplicates_line(run.results),
        "pairs": pairs,
        "n": len(found.test_rows),
        "n_searched": f"{found.n_searched:,}",
        "one_in": f"{1 / CHANCE:,.0f}",
        "similarity": SIMILARITY,
    }
