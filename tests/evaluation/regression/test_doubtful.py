"""Values that are likely wrong: those that are, and few others."""

from __future__ import annotations

import numpy as np

from striate.evaluation.regression.doubtful import DoubtfulValue, doubtful_values, ranked


def test_wrong_values_are_found_and_right_ones_left_alone() -> None:
    random = np.random.default_rng(0)
    true = random.normal(50, 10, (500, 2))
    predicted = true + random.normal(0, 1, true.shape)
    assert doubtful_values(true, predicted) == [], "normal errors are no sign"
    wrong = random.permutation(500)[:10]
    typed = true.copy()
    typed[wrong, 1] += 25  # a slip in one column
    found = doubtful_values(typed, predicted)
    assert {each.image for each in found} == set(wrong.tolist())
    assert {each.target for each in found} == {1}
    times = [each.times for each in found]
    assert times == sorted(times, reverse=True)
    first = found[0]
    assert first.true == typed[first.image, 1]
    errors = np.abs(predicted - typed)[:, 1]
    assert 0.9 * np.quantile(errors, 0.95) < first.half_width < 1.2 * np.quantile(errors, 0.95)


def test_an_image_and_its_copies_are_not_judged_by_themselves() -> None:
    random = np.random.default_rng(1)
    true = np.zeros((100, 1))
    predicted = random.normal(0, 1, (100, 1))
    predicted[:8] = 60  # copies of one picture: more than a twentieth of all
    digests = ["same"] * 8 + [str(each) for each in range(92)]
    found = doubtful_values(true, predicted, digests)
    assert {each.image for each in found} == set(range(8))


def test_of_too_few_images_none_is_doubtful() -> None:
    assert doubtful_values(np.zeros((12, 1)), np.eye(12)[:, :1] * 99) == []


def test_similar_images_are_evidence() -> None:
    one, other = (
        DoubtfulValue(image=at, target=0, true=10.0, predicted=30.0, half_width=4.0)
        for at in range(2)
    )
    order = ranked([one, other], [np.full(10, 11.0), np.full(10, 29.0)])
    assert [doubt.image for doubt, _ in order] == [1, 0], "whose neighbours agree with the network"
    assert [doubt.image for doubt, _ in ranked([one, other], [np.empty(0), np.empty(0)])] == [0, 1]
