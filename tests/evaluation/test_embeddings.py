"""Layouts and neighbours, each computed another way."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from striate.evaluation import embeddings
from striate.evaluation.embeddings import nearest, principal_plane, umap_plane

VALUES = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32) * np.arange(1, 8)


def test_the_plane_is_that_of_most_variance() -> None:
    points, share = principal_plane(VALUES.astype(np.float32))
    centred = VALUES.astype(np.float64) - VALUES.mean(0, dtype=np.float64)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    right = centred @ axes[:2].T
    np.testing.assert_allclose(np.abs(points), np.abs(right), rtol=1e-4, atol=1e-4)
    assert share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum())
    again, _ = principal_plane(VALUES.astype(np.float32))
    np.testing.assert_array_equal(points, again)


@pytest.mark.parametrize("shape", [(1, 5), (6, 1), (4, 3)])
def test_what_has_no_plane(shape: tuple[int, int]) -> None:
    points, share = principal_plane(np.ones(shape, np.float32))
    assert points.shape == (shape[0], 2)
    assert not points.any()
    assert share == 1
    line = np.arange(6, dtype=np.float32)[:, None]
    assert np.ptp(principal_plane(line)[0], axis=0).tolist() == [5, 0]


def test_neighbours_are_those_of_the_least_angle() -> None:
    among, values = VALUES[:30].astype(np.float32), VALUES[30:].astype(np.float32)
    indices, cosines = nearest(values, among, 4)
    centre = among.mean(0)
    for row, found, near in zip(values - centre, indices, cosines, strict=True):
        others = among - centre
        right = others @ row / np.linalg.norm(others, axis=1) / np.linalg.norm(row)
        assert found.tolist() == np.argsort(-right)[:4].tolist()
        np.testing.assert_allclose(near, np.sort(right)[::-1][:4], rtol=1e-4)
    assert nearest(values, among[:2], 4)[0].shape == (10, 2)
    assert nearest(values[:0], among, 4)[0].shape == (0, 4)


def test_umap_lays_out_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Layout:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, values: Any) -> Any:
            return np.asarray(values)[:, :2]

    monkeypatch.setattr(embeddings, "installed", lambda name: False)
    assert umap_plane(VALUES, 3) is None
    monkeypatch.setattr(embeddings, "installed", lambda name: True)
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Layout))  # type: ignore[arg-type]
    found = umap_plane(VALUES, 3)
    assert found is not None
    assert found.shape == (40, 2)
    assert asked["random_state"] == 3
    assert umap_plane(VALUES[:15], 3) is None
