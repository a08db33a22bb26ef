"""The reduction of wide features, fitted once for all classifiers that begin with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from featx.classifiers.on_device import can_fit_on_device, fit_on_device
from featx.features.digest import digest_params


class SharedReduction:
    """Fits classifiers on the same features one after another.

    Several begin with the same scaling and the same components (`WhitenedPCA`), which of
    wide features take longer to find than the classifier itself. They are found once and
    handed on; every classifier ends as if it had been fitted alone.

    Parameters
    ----------
    device : str, default=None
        Such as "cuda": fit there what scikit-learn can, see `fit_on_device`.

    Attributes
    ----------
    seconds_saved : float
        What the fits so far would have taken longer alone.

    Examples
    --------
    >>> import numpy as np
    >>> from featx import make_classifier
    >>> X = np.random.default_rng(0).normal(size=(60, 1100)).astype("float32")
    >>> y = np.arange(60) % 2
    >>> shared = SharedReduction()
    >>> svm, knn = (
    ...     make_classifier(name, n_features=1100, n_images=60) for name in ("svm", "knn")
    ... )
    >>> shared.fit(svm, X, y)
    >>> shared.fit(knn, X, y)
    >>> svm["pca"] is knn["pca"]
    True
    """

    def __init__(self, device: str | None = None) -> None:
        self.device = device
        self._head: Pipeline | None = None
        self._reduced: NDArray[Any] | None = None
        self._seconds = 0.0
        self.seconds_saved = 0.0

    def fit(
        self,
        classifier: Pipeline,
        X: NDArray[Any],
        y: NDArray[Any],
        choose: Callable[[Pipeline, NDArray[Any], NDArray[Any]], dict[str, Any]]
        | None = None,
    ) -> None:
        """Fit a classifier in place.

        Parameters
        ----------
        classifier : Pipeline
            As `make_classifier` builds it.
        X : ndarray, shape (n, n_features)
            Features, the same in every call.
        y : ndarray, shape (n,)
            Labels, the same in every call.
        choose : callable, default=None
            Gives settings for the steps after the reduction, from these steps, what they
            are to be fitted on and the labels; see `choose_settings`.
        """
        names = list(classifier.named_steps)
        if "pca" not in names:
            if choose is not None:
                classifier.set_params(**choose(classifier, X, y))
            if self.device is not None and can_fit_on_device(classifier):
                fit_on_device(classifier, X, y, self.device)
            else:
                classifier.fit(X, y)
            return
        end = names.index("pca") + 1
        head = classifier[:end]
        if self._head is not None and digest_params(self._head) == digest_params(head):
            self.seconds_saved += self._seconds
        else:
            start = time.perf_counter()
            if self.device is None:
                self._reduced = head.fit_transform(X, y)
            else:
                fit_on_device(head, X, y, self.device)
                self._reduced = head.transform(X)
            self._seconds = time.perf_counter() - start
            self._head = head
        classifier.steps[:end] = self._head.steps
        rest = classifier[end:]
        if choose is not None and self._reduced is not None:
            rest.set_params(**choose(rest, self._reduced, y))
        rest.fit(self._reduced, y)
