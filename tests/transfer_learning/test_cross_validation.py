"""Which images are held out together, what is known of them, and the search for C."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from striate.hub.heads import HEADS
from striate.transfer_learning.heads import search as heads_search
from striate.transfer_learning.heads.cross_validation import Samples, pictures
from striate.transfer_learning.heads.fit import fit_head
from striate.transfer_learning.heads.search import (
    OTHER_PENALTY,
    Climbed,
    Trial,
    better_of,
    search,
    untried,
)

from .test_heads import WIDTH, answers, embeddings, names, rectified


def test_every_fold_knows_every_class() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2, *[3] * 7], np.int64)
    rows = np.random.default_rng(0).normal(size=(len(labels), 1, WIDTH)).astype(np.float32)
    samples = Samples.of(rows, labels, 4, seed=3)
    assert len(samples.folds) == 5
    for fold in samples.folds:
        assert set(labels[fold.fitted]) == {0, 1, 2, 3}
        assert 0 not in labels[fold.held]
        assert fold.images == len(fold.fitted)
    held = np.concatenate([fold.held for fold in samples.folds])
    assert sorted(held) == list(range(1, len(labels)))
    assert fit_head("softmax", rows, labels, names(4)).folds == 5


def test_copies_of_a_picture_share_a_fold() -> None:
    random = np.random.default_rng(0)
    different = random.normal(size=(12, 1, WIDTH)).astype(np.float32)
    of = np.repeat(np.arange(12), 2)
    labels = of % 2
    labels[1] = 1  # one is called by two names
    samples = Samples.of(different[of], labels, 2, seed=0)
    for fold in samples.folds:
        assert not set(of[fold.held]) & set(of[fold.fitted])
        assert set(labels[fold.fitted]) == {0, 1}
        assert fold.images == len(set(of[fold.fitted]))
    # A class of one picture, however many copies there are, is never held out.
    few = np.array([0, 0, 0, 1, 2, 3, 4])
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    assert pictures(different[few, 0], labels).tolist() == [1, 4]
    samples = Samples.of(different[few], labels, 2, seed=0)
    assert {0, 1, 2} <= set.intersection(*(set(fold.fitted) for fold in samples.folds))
    fit_head("svm", different[few, 0], labels, names(2))


@pytest.mark.parametrize("seed", range(6))
def test_classes_that_share_their_pictures_are_fitted_in_every_fold(seed: int) -> None:
    random = np.random.default_rng(seed)
    of = random.integers(0, 5, 14)
    labels = np.concatenate([np.arange(4), random.integers(0, 4, 10)])
    rows = random.normal(size=(5, 1, WIDTH)).astype(np.float32)[of]
    for fold in Samples.of(rows, labels, 4, seed=seed).folds:
        assert set(labels[fold.fitted]) == {0, 1, 2, 3}


@pytest.mark.parametrize("views", [1, 3])
def test_what_is_held_out_has_no_part_in_the_scaling(views: int) -> None:
    rows, labels = embeddings(2, each=6)
    seen = np.stack([rows + view for view in range(views)], axis=1)
    samples = Samples.of(seen, labels, 2, seed=0)
    fitted, held = samples.split(0)
    assert fitted.mean(0) == pytest.approx(0, abs=1e-5)
    changed = seen.copy()
    changed[samples.folds[0].held // views] *= 1000
    again, other = Samples.of(changed, labels, 2, seed=0).split(0)
    assert np.array_equal(fitted, again)
    assert not np.array_equal(held, other)


@pytest.mark.parametrize("kind", HEADS)
def test_what_cross_validation_says_is_what_other_images_say(kind: str) -> None:
    """Over several draws of 5 images a class: each fold is fitted to 4, but for little the same."""
    labels, asked = np.repeat(np.arange(4), 5), np.repeat(np.arange(4), 50)
    others = rectified(asked, 4, 0, signal=0.6, width=200)
    promised, kept = [], []
    for seed in range(1, 9):
        rows = rectified(labels, 4, seed, signal=0.6, width=200)
        fitted = fit_head(kind, rows, labels, names(4))
        promised.append(fitted.chosen.accuracy)
        kept.append((answers(fitted.head, others).argmax(1) == asked).mean())
    assert np.mean(promised) == pytest.approx(np.mean(kept), abs=0.13)


@pytest.mark.parametrize(
    ("losses", "begin", "best", "tried"),
    [
        ([7, 6, 5, 1, 5, 6, 6], (3, (2, 1)), 3, {1, 2, 3, 4, 5}),
        ([6, 6, 6, 6, 5, 1, 6], (2, (2, 1)), 5, {0, 2, 3, 4, 5, 6}),  # flat at first
        ([6, 5, 1, 1, 1, 1, 6], (4, (2, 1)), 2, {0, 1, 2, 3, 4, 6}),  # of equals the smallest
        ([1, 5, 5, 6, 6, 7, 7], (4, (2, 1)), 0, {0, 1, 2, 4, 6}),
        ([1, 5, 6, 6, 6, 6, 6], (4, (4, 2, 1)), 0, {0, 1, 2, 4}),  # flat all around
        ([1, 5, 6, 6, 6, 6, 6], (4, ()), 4, {4}),
    ],
)
def test_the_search_climbs(
    losses: list[float],
    begin: tuple[int, tuple[int, ...]],
    best: int,
    tried: set[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heads_search, "LOG_C_PENALTY", 0.0)
    rows, labels = embeddings(2, each=10)
    samples = Samples.of(rows[:, None], labels, 2, seed=0)
    c_values = [10.0**at for at in range(len(losses))]
    asked: list[int] = []

    def judge(c: float) -> list[np.ndarray]:
        asked.append(c_values.index(c))
        right = np.exp(-losses[asked[-1]])
        held = [np.eye(2)[labels[fold.held]] for fold in samples.folds]
        return [right * each + (1 - right) * (1 - each) for each in held]

    found = search(samples, c_values, judge, start=begin[0], strides=begin[1])
    assert len(asked) == len(set(asked))
    assert set(asked) == tried
    assert found.best.C == c_values[best] == c_values[found.at]
    assert found.best.loss == pytest.approx(losses[best])
    assert [trial.C for trial in found.trials] == [c_values[at] for at in sorted(tried)]


@pytest.mark.parametrize(("each", "moved"), [(2, False), (200, True)])
def test_a_few_images_do_not_choose_any_c(each: int, moved: bool) -> None:
    rows, labels = embeddings(2, each=each)
    samples = Samples.of(rows[:, None], labels, 2, seed=0)

    def judge(c: float) -> list[np.ndarray]:
        right = 0.6 + 0.01 * np.log10(c)  # a little better, the larger C is
        held = [np.eye(2)[labels[fold.held]] for fold in samples.folds]
        return [right * each + (1 - right) * (1 - each) for each in held]

    found = search(samples, [1.0, 10.0, 100.0], judge, start=0, strides=(1,))
    assert (found.best.C > 1) == moved


def test_another_way_has_to_be_better_by_something() -> None:
    def climb(loss: float, at: int, strides: Sequence[int]) -> Climbed[Trial]:
        trial = Trial(C=1.0, accuracy=0.5, std=0.0, loss=loss)
        return Climbed(trials=(trial,), best=trial, at=at, scores=np.empty((10, 2)))

    enough = OTHER_PENALTY / 10
    ways = [1 - enough / 2, 1 - 2 * enough, 1 - 2.5 * enough]
    way, found = better_of(1.0, climb(1.0, 3, (2, 1)), ways, climb)
    assert way == ways[1]
    assert found.best.loss == way
    assert [trial.loss for trial in found.trials] == [1.0, *ways]


def test_without_held_out_images_the_first_c_that_is_right_serves() -> None:
    rows, labels = embeddings(3, each=1)
    samples = Samples.of(rows[:, None], labels, 3, seed=0)
    assert samples.folds == ()

    def fit(c: float) -> np.ndarray:
        return np.eye(3)[labels if c >= 10 else 0 * labels]

    found = untried(samples, [1.0, 10.0, 100.0], fit)
    assert found.best.C == 10.0
    assert np.isnan(found.best.accuracy)
    assert found.scores.shape == (0, 3)
