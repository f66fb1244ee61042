"""Numbers drawn by hashing: pure functions, uniform, and without memory of their neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.data.random import Key, normals, permutation, uniforms

integers = st.integers(-(2**70), 2**70)
epochs = st.integers(0, 10_000)


def test_numbers_never_change() -> None:
    # A resumed run of another version or on another machine must draw what this one drew.
    assert uniforms(0, 0, [0, 1], 2).tolist() == [
        [0.47141042966848024, 0.7247520786262142],
        [0.7816823175847682, 0.19231829513312926],
    ]
    assert permutation(7, 3, 8).tolist() == [7, 2, 1, 3, 0, 6, 5, 4]


@given(seed=integers, epoch=epochs, count=st.integers(1, 20), stream=st.integers(0, 9))
def test_each_row_depends_on_its_own_index_alone(
    seed: int, epoch: int, count: int, stream: int
) -> None:
    indices = np.array([5, 0, 2**40, 5])
    together = uniforms(seed, epoch, indices, count, stream)
    assert together.shape == (4, count)
    assert ((together >= 0) & (together < 1)).all()
    for index, row in zip(indices, together, strict=True):
        assert (uniforms(seed, epoch, [index], count, stream) == row).all()
    # Asking for fewer numbers gives the first of them.
    assert (uniforms(seed, epoch, indices, 1, stream)[:, 0] == together[:, 0]).all()


@given(seed=integers, epoch=epochs, n=st.integers(0, 200))
def test_permutation_holds_each_index_once(seed: int, epoch: int, n: int) -> None:
    order = permutation(seed, epoch, n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_draws_are_uniform() -> None:
    draws = uniforms(1, 2, np.arange(100_000), 4).ravel()
    counts = np.histogram(draws, bins=100, range=(0, 1))[0]
    expected = len(draws) / 100
    # Chi-squared with 99 degrees of freedom: 170 would come up once in a hundred thousand.
    assert ((counts - expected) ** 2 / expected).sum() < 170


def _neighbours() -> list[tuple[str, np.ndarray, np.ndarray]]:
    indices = np.arange(100_000)
    here = uniforms(3, 4, indices, 2, 1)
    return [
        ("seed", here[:, 0], uniforms(4, 4, indices, 1, 1)[:, 0]),
        ("epoch", here[:, 0], uniforms(3, 5, indices, 1, 1)[:, 0]),
        ("seed and epoch swapped", here[:, 0], uniforms(4, 3, indices, 1, 1)[:, 0]),
        ("index", here[:-1, 0], here[1:, 0]),
        ("slot", here[:, 0], here[:, 1]),
        ("index against slot", here[1:, 0], here[:-1, 1]),
        ("stream", here[:, 0], uniforms(3, 4, indices, 1, 2)[:, 0]),
    ]


@pytest.mark.parametrize(("name", "one", "other"), _neighbours(), ids=lambda v: str(v)[:24])
def test_neighbours_are_independent(name: str, one: np.ndarray, other: np.ndarray) -> None:
    assert not (one == other).any(), name
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.015, name
    # Jointly uniform, too: a 10 x 10 table of pairs, chi-squared with 99 degrees of freedom.
    table = np.histogram2d(one, other, bins=10, range=((0, 1), (0, 1)))[0]
    expected = len(one) / 100
    assert ((table - expected) ** 2 / expected).sum() < 170, name


def test_epochs_shuffle_differently_and_without_trend() -> None:
    orders = np.stack([permutation(0, epoch, 1000) for epoch in range(50)])
    assert len({tuple(order) for order in orders.tolist()}) == 50
    # Where a sample stands in one epoch says nothing of where it stands in the next.
    places = orders.argsort(axis=1)
    correlations = [np.corrcoef(places[k], places[k + 1])[0, 1] for k in range(49)]
    assert abs(np.mean(correlations)) < 0.02
    assert abs(places.mean(axis=0) - 499.5).max() < 5 * 1000 / np.sqrt(12 * 50)


def test_normals_have_mean_0_and_deviation_1() -> None:
    draws = normals(uniforms(0, 0, np.arange(100_000), 6))
    assert draws.shape == (100_000, 3)
    assert abs(draws.mean(axis=0)).max() < 0.02
    assert abs(draws.std(axis=0) - 1).max() < 0.02
    assert abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.02
    assert np.isfinite(normals(np.array([[0.0, 0.0], [1 - 2**-53, 0.5]]))).all()


def test_a_key_is_the_first_arguments_of_uniforms() -> None:
    key = Key(1, 2, np.arange(3))
    assert (uniforms(*key, 4, 5) == uniforms(1, 2, np.arange(3), 4, 5)).all()
