"""Images as points: laid out on a plane, and their nearest neighbours."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.support.packages import installed, need

Floats: TypeAlias = NDArray[np.float32]

_NEIGHBOURS = 15
"""UMAP's own default: how many images are each image's surroundings."""


def principal_plane(values: Floats) -> tuple[Floats, float]:
    """Embeddings, (n, D), along their two principal components, (n, 2).

    Also gives the share of the embeddings' variance that lies in the plane. Of one number an image,
    or of images that are all alike, what is missing is 0.
    """
    points = np.zeros((len(values), 2), np.float32)
    most = min(2, *values.shape)
    if len(values) < 2 or not np.ptp(values, axis=0).any():
        return points, 1.0
    from sklearn.decomposition import PCA

    # The values of a network's units differ in size; float64 keeps the sums of their squares exact.
    found = PCA(most, svd_solver="full").fit(values.astype(np.float64))
    points[:, :most] = found.transform(values.astype(np.float64))
    return points, float(found.explained_variance_ratio_.sum())


def umap_plane(values: Floats, seed: int) -> Floats | None:
    """Embeddings, (n, D), laid out by UMAP, (n, 2); None where it is not installed, or n is small.

    McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension
    Reduction", 2018: neighbours stay neighbours, while distances between groups mean little.
    """
    if not installed("umap") or len(values) <= _NEIGHBOURS:
        return None
    umap = need("umap", purpose="lay images out", extra="umap")
    layout = umap.UMAP(n_neighbors=_NEIGHBOURS, metric="cosine", random_state=seed, n_jobs=1)
    points: Floats = np.asarray(layout.fit_transform(values), np.float32)
    return points


def nearest(
    values: Floats, among: Floats, number: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `number` embeddings nearest to each, by the cosine of their angle.

    Both are taken from the mean of `among`, without which what all images have in common would
    make them all alike.

    Args:
        values: (n, D).
        among: (m, D).
        number: how many, at most m.

    Returns:
        Indices into `among`, (n, number), nearest first, and the cosines.
    """
    number = min(number, len(among))
    if not number or not len(values):
        empty = np.empty((len(values), number))
        return empty.astype(np.int64), empty.astype(np.float32)
    from sklearn.neighbors import NearestNeighbors

    centre = among.mean(axis=0, dtype=np.float64)
    search = NearestNeighbors(n_neighbors=number, metric="cosine", algorithm="brute")
    search.fit(among - centre)
    distances, indices = search.kneighbors(values - centre)
    return indices.astype(np.int64), (1 - distances).astype(np.float32)
