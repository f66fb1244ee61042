"""What features are divided by, against sums worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from striate.transfer_learning.heads.scaling import ENOUGH, KINDS, LEAST, MOST, PRIOR, Scaling

WIDTH = 40


def features(images: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(images, WIDTH)) * random.uniform(0.5, 2, WIDTH) + 5
    return rows.astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("images", [2, 7, 300])
def test_rows_have_no_mean_and_a_variance_of_one(kind: str, images: int) -> None:
    rows = features(images)
    scaled = Scaling.of(rows, images, kind)(rows)  # type: ignore[arg-type]
    assert scaled.dtype == np.float32
    assert scaled.mean(0) == pytest.approx(0, abs=1e-3)
    assert scaled.var(0).mean() == pytest.approx(1, rel=1e-4)


def test_one_number_for_all_and_each_its_own() -> None:
    rows = features(50)
    assert np.ptp(Scaling.of(rows, 50, "none").std) == 0
    assert Scaling.of(rows, 50, "none").std[0] == pytest.approx(np.sqrt(rows.var(0).mean()))
    assert Scaling.of(rows, 50, "standard").std == pytest.approx(rows.std(0), rel=1e-4)


def test_a_deviation_is_shrunk_and_its_root_is_taken() -> None:
    rows = np.array([[0, 0], [2, 6]], np.float32)  # deviations of 1 and 3, of which 1 is middling
    std = Scaling.of(rows, 2, "pareto").std
    wanted = [((2 * own**2 + PRIOR) / (2 + PRIOR)) ** 0.25 for own in (1, 3)]
    assert std[1] / std[0] == pytest.approx(wanted[1] / wanted[0])
    # With many images the prior says nothing any more.
    std = Scaling.of(rows, 10**9, "pareto").std
    assert std[1] / std[0] == pytest.approx(3**0.5)


@pytest.mark.parametrize("images", [2, 5, 20])
def test_what_hardly_varies_in_a_few_images_drowns_nothing(images: int) -> None:
    rows = features(images)
    rows[:, 0] = 1 + 1e-4 * rows[:, 0]  # seldom anything but 1
    std = Scaling.of(rows, images).std
    # Another image, which has it, is not a thousand deviations away.
    assert 1 / std[0] < 3 / std[1:].min()


def test_one_feature_does_not_rule_all() -> None:
    rows = features(200)
    rows[:, 0] *= 1000
    scaled = Scaling.of(rows, 200)(rows).std(0)
    assert scaled[0] / scaled[1:].mean() < MOST * 1.2
    assert scaled[1:].min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_features_that_never_change(kind: str) -> None:
    rows = np.full((6, 3), 7.0, np.float32)
    scaling = Scaling.of(rows, 6, kind)  # type: ignore[arg-type]
    assert scaling.std.tolist() == [1, 1, 1]
    rows = features(6)
    rows[:, 0] = 7
    std = Scaling.of(rows, 6, kind).std  # type: ignore[arg-type]
    assert np.isfinite(std).all()
    assert std.min() > LEAST / 10


def test_standardising_needs_images_enough() -> None:
    assert "standard" not in Scaling.others(ENOUGH - 1)
    assert Scaling.others(ENOUGH) == KINDS[1:]
