"""Ridge regressions on many dense features, in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from featx.classifiers.blocks import Blocks
from featx.errors import ParameterError

Array = NDArray[Any]

_BYTES = 4 * 2**20  # of rows at a time: what a processor's cache can hold


class InMemory:
    """Rows in memory (n, p), centered and weighted in place."""

    def __init__(self, data: Array, center: Array, root: Array) -> None:
        self.data, self.center, self.root = data, center, root
        self.dtype = data.dtype
        self.n_features = data.shape[1]
        self.wide = data.shape[1] > data.shape[0]
        for rows, block in self:
            block -= center
            block *= root[rows]

    def __iter__(self) -> Iterator[tuple[slice, Array]]:
        """Give slices of rows and the rows, as many as a cache holds."""
        size = max(1, _BYTES // self.data[0].nbytes)
        for start in range(0, len(self.data), size):
            rows = slice(start, start + size)
            yield rows, self.data[rows]

    def gram(self, dtype: Any) -> Array:
        """Lower triangle of the smaller Gram matrix."""
        data = self.data.astype(dtype, copy=False)
        (syrk,) = linalg.get_blas_funcs(("syrk",), (data,))
        gram: Array = syrk(1.0, data.T, trans=self.wide, lower=True)
        return gram

    def dot(self, weights: Array) -> Array:
        """Scores (n, k) of weights (p, k)."""
        return product(self.data, weights)

    def dot_transposed(self, targets: Array) -> Array:
        """Sum of the rows (p, k), each times its targets (n, k)."""
        return product(self.data.T, targets)


class InBlocks:
    """The same of rows that are read block by block; they are float32."""

    wide = False

    def __init__(self, blocks: Blocks, center: Array, root: Array) -> None:
        self.blocks, self.center, self.root = blocks, center, root
        self.dtype = np.dtype(np.float32)
        self.n_features = blocks.shape[1]

    def __iter__(self) -> Iterator[tuple[slice, Array]]:
        for rows, block in self.blocks:
            yield rows, (block - self.center) * self.root[rows]

    def gram(self, dtype: Any) -> Array:
        """Lower triangle of the Gram matrix of the features."""
        p = self.blocks.shape[1]
        (syrk,) = linalg.get_blas_funcs(("syrk",), dtype=dtype)
        gram = np.zeros((p, p), dtype, order="F")
        for _, block in self:
            rows = block.astype(dtype, copy=False).T
            gram = syrk(1.0, rows, 1.0, gram, lower=True, overwrite_c=True)
        return gram

    def dot(self, weights: Array) -> Array:
        """Scores (n, k) of weights (p, k)."""
        scores = np.empty((self.blocks.shape[0], weights.shape[1]), weights.dtype)
        for rows, block in self:
            scores[rows] = product(block, weights)
        return scores

    def dot_transposed(self, targets: Array) -> Array:
        """Sum of the rows (p, k), each times its targets (n, k)."""
        total = np.zeros((self.blocks.shape[1], targets.shape[1]), targets.dtype)
        for rows, block in self:
            total += product(block.T, targets[rows])
        return total


Rows = InMemory | InBlocks


class Ridge:
    """Ridge regression on fixed data (n, p), for one set of targets after the other."""

    def __init__(self, data: Rows, alpha: float) -> None:
        self.data = data
        self.dtype = data.dtype
        try:
            self.factor = self._factorize(self.dtype, alpha)
        except linalg.LinAlgError:
            self.dtype = np.dtype(np.float64)
            try:
                self.factor = self._factorize(self.dtype, alpha)
            except linalg.LinAlgError as error:
                raise ParameterError(
                    "Got a C too large to solve for these data. Lower C."
                ) from error

    def _factorize(self, dtype: Any, alpha: float) -> Any:
        """Cholesky factor of the smaller Gram matrix, alpha added to its diagonal."""
        gram = self.data.gram(dtype)
        diagonal = np.einsum("ii->i", gram)
        diagonal += alpha
        factor = linalg.cho_factor(
            gram, lower=True, overwrite_a=True, check_finite=False
        )
        pivots = np.einsum("ii->i", factor[0]) ** 2
        if pivots.min() < 10 * np.finfo(dtype).eps * pivots.max():
            raise linalg.LinAlgError("what is left of a feature is rounding error")
        return factor

    def solve(self, targets: Array) -> Array:
        """Targets (n, k) -> weights (p, k)."""
        wide = self.data.wide
        right = targets if wide else self.data.dot_transposed(targets)
        solution = linalg.cho_solve(self.factor, right, check_finite=False)
        weights: Array = self.data.dot_transposed(solution) if wide else solution
        return weights


def product(a: Array, b: Array) -> Array:
    """Multiply matrices by scipy's library, which the factors are made by, too.

    numpy brings threads of its own, and either's would wait for the other's.
    """
    (gemm,) = linalg.get_blas_funcs(("gemm",), (a, b))
    result: Array = gemm(1.0, b.T, a.T).T if a.flags.c_contiguous else gemm(1.0, a, b)
    return result


def power(values: Array) -> float:
    """Sum of squares, in double precision."""
    return float(np.einsum("ij,ij->", values, values, dtype=np.float64))
