"""What a look into the features of the best row shows, ready for reports."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from featx.catalog import MAP_METHODS
from featx.errors import CacheError, unknown_name
from featx.evaluation.components import components
from featx.evaluation.label_issues import find_label_issues, find_neighbors
from featx.evaluation.nearness import CHANCE, nearest
from featx.features import EncodedDataset
from featx.images import Dataset

MAP_POINTS = 2000
MAP_COMPONENTS = 50
N_QUERIES = 12
N_LISTED = 200
N_JUDGED = 200_000
_DAMAGE = (ValueError, KeyError, EOFError, BadZipFile, zlib.error)


@dataclass(frozen=True)
class FeatureDiagnostics:
    """The features of one encoder, looked into: a map, neighbors, suspicious images.

    Parameters
    ----------
    encoder : str
        Whose features.
    map_rows : ndarray of int64, shape (m,)
        Test images on the map, at most 2,000 chosen by a fixed seed.
    map_components : ndarray of float32, shape (m, k)
        Their first whitened principal components, at most 50.
    query_rows : ndarray of int64, shape (q,)
        Some test images.
    neighbor_rows : ndarray of int64, shape (q, 8)
        The training images nearest to each, fewer if there are fewer.
    issue_rows, issue_labels : ndarray of int64, shape (s,)
        Training images that look mislabeled, and the class that each looks like; the
        clearest first, at most 200.
    issue_margins : ndarray of float32, shape (s,)
        By how much that class's score exceeds the score of the label.
    n_issues : int
        How many there are in all.
    n_judged : int
        Training images that were looked at; all, or 200,000 chosen by a fixed seed.
    left_out_accuracy : float
        Accuracy of the leave-one-out predictions behind the label issues, in [0, 1].
    n_alike, n_compared : int
        Of so many test images, all or 2,000 chosen by a fixed seed, those that are much
        nearer to a training image than chance would bring one, see `nearest`. Where there
        are groups, none is compared.
    """

    encoder: str
    map_rows: NDArray[np.int64]
    map_components: NDArray[np.float32]
    query_rows: NDArray[np.int64]
    neighbor_rows: NDArray[np.int64]
    issue_rows: NDArray[np.int64]
    issue_labels: NDArray[np.int64]
    issue_margins: NDArray[np.float32]
    n_issues: int
    n_judged: int
    left_out_accuracy: float
    n_alike: int
    n_compared: int

    def to_npz(self) -> bytes:
        """Write all fields as a NumPy archive."""
        buffer = io.BytesIO()
        arrays = {name: np.asarray(value) for name, value in vars(self).items()}
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_npz(cls, file: Path) -> Self:
        """Read what `to_npz` wrote; raise CacheError if the file is damaged."""
        try:
            with file.open("rb") as stream, np.load(stream) as arrays:
                values = {part.name: arrays[part.name] for part in fields(cls)}
        except FileNotFoundError:
            raise
        except (*_DAMAGE, OSError) as error:
            raise CacheError(
                f"The file {file} is damaged ({error}). Remove it and run again."
            ) from error
        plain: dict[str, Any] = {
            name: value.item() if value.ndim == 0 else value
            for name, value in values.items()
        }
        return cls(**plain)


def draw_evenly(
    y: NDArray[np.int64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw `n` rows so that the first ones, however many, cover the classes evenly.

    One image of each class comes in random order, then a second one of each, and so on;
    classes without more images are skipped. If `n` exceeds the images, all are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.repeat([0, 1, 2], [50, 5, 2])
    >>> np.bincount(y[draw_evenly(y, 8, np.random.default_rng(0))]).tolist()
    [3, 3, 2]
    """
    order = rng.permutation(len(y))
    by_class = np.argsort(y[order], kind="stable")
    counts = np.bincount(y)
    turn = np.empty(len(y), np.int64)  # position of each image within its class
    turn[by_class] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.argsort(turn, kind="stable")][:n].astype(np.int64)


def map_positions(
    diagnostics: FeatureDiagnostics, method: str = "pca"
) -> NDArray[np.float64]:
    """Place the images of the map on a plane, from 0 to 1 on both axes, shape (m, 2).

    `method` is "pca", the first two components, or "tsne" of all of them [1]_, with a
    fixed seed; ParameterError otherwise.

    References
    ----------
    .. [1] L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9
       (2008).
    """
    if method not in MAP_METHODS:
        raise unknown_name("map", method, MAP_METHODS)
    points = diagnostics.map_components
    if method == "tsne" and len(points) > 3 and points.shape[1] > 1:
        from sklearn.manifold import TSNE  # slow to import, and seldom asked for

        perplexity = min(30.0, (len(points) - 1) / 3)
        points = TSNE(perplexity=perplexity, random_state=0).fit_transform(points)
    plane = np.zeros((len(points), 2))
    plane[:, : points.shape[1]] = points[:, :2]
    low, high = plane.min(axis=0), plane.max(axis=0)
    return (plane - low) / np.where(high > low, high - low, 1)


def diagnose(
    dataset: Dataset,
    encoded: EncodedDataset,
    encoder: str,
    query_rows: NDArray[np.int64],
    *,
    seed: int = 0,
) -> FeatureDiagnostics:
    """Look into the features of an encoder; neighbors are found for `query_rows`.

    Apart from the choice of the encoder, nothing in it depends on the labels of the test
    part.
    """
    train, test = components(encoded.train.X, encoded.test.X, seed=seed)
    rng = np.random.default_rng(seed)
    on_map = np.sort(rng.choice(len(test), min(len(test), MAP_POINTS), replace=False))
    n_judged = min(len(train), N_JUDGED)
    judged = np.sort(rng.choice(len(train), n_judged, replace=False))
    wrong = find_label_issues(
        train[judged], dataset.train.y[judged], len(dataset.class_names), seed=seed
    )
    neighbors = find_neighbors(train[judged], test[query_rows])
    n_alike = n_compared = 0
    if dataset.test.groups is None:
        found = nearest(train[judged], test[on_map])
        n_compared = len(on_map)
        n_alike = 0 if found is None else int((found.by_chance < CHANCE).sum())
    return FeatureDiagnostics(
        encoder=encoder,
        map_rows=on_map.astype(np.int64),
        map_components=test[on_map, :MAP_COMPONENTS],
        query_rows=query_rows,
        neighbor_rows=judged[neighbors],
        issue_rows=judged[wrong.rows[:N_LISTED]],
        issue_labels=wrong.suggested[:N_LISTED],
        issue_margins=wrong.margin[:N_LISTED],
        n_issues=len(wrong.rows),
        n_judged=n_judged,
        left_out_accuracy=wrong.accuracy,
        n_alike=n_alike,
        n_compared=n_compared,
    )
