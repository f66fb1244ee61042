"""What SVMs compare rows by: their products, or a Gaussian function of their distance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate.transfer_learning.heads.scaling import Floats

#: (n, D) and (m, D) as (n, m) float32.
Kernel = Callable[[Floats, Floats], Floats]

#: Rows that a median is taken of: it changes little beyond.
_MEDIAN_ROWS = 1_000


def linear(rows: Floats, others: Floats) -> Floats:
    """The products of `rows`, (n, D), with `others`, (m, D)."""
    kernel: Floats = rows @ others.T
    return kernel


def median_distance(rows: Floats) -> float:
    """The median squared distance between two of `rows` that differ."""
    some = rows[:: -(-len(rows) // _MEDIAN_ROWS)]
    distances = _squared_distances(some, some)[np.triu_indices(len(some), 1)]
    apart = distances[distances > 1e-6 * rows.shape[1]]
    return float(np.median(apart)) if len(apart) else 1.0


def _squared_distances(rows: Floats, others: Floats) -> Floats:
    distances: Floats = rows @ others.T
    distances *= -2
    distances += np.einsum("ij,ij->i", others, others)
    distances += np.einsum("ij,ij->i", rows, rows)[:, None]
    return np.maximum(distances, 0, out=distances)


def gaussian(gamma: float) -> Kernel:
    """The kernel ``exp(-gamma * |x - y|^2)``."""

    def kernel(rows: Floats, others: Floats) -> Floats:
        found = _squared_distances(rows, others)
        found *= np.float32(-gamma)
        return np.exp(found, out=found)

    return kernel
