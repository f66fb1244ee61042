from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from striate.data.split import draw, held_out, held_out_numbers, share_of
from striate.data.split_by_draw import held_out_by_draw
from striate.errors import RecipeError

pictures = st.lists(
    st.tuples(st.integers(0, 30).map(str), st.integers(0, 4)), min_size=1, max_size=60
)
seeds = st.integers(0, 1000)
fractions = st.floats(0.05, 0.9)


def split(images, fraction=0.2, seed=0, rule=held_out):
    digests = [digest for digest, _ in images]
    return rule(digests, np.array([label for _, label in images], np.int64), fraction, seed)


rules = pytest.mark.parametrize("rule", [held_out, held_out_by_draw])


# How long pictures take to be drawn says nothing of the split.
@rules
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(pictures, fractions, seeds)
def test_copies_never_fall_on_both_sides(rule, images, fraction, seed):
    sides: dict[str, set[bool]] = {}
    for (digest, _), out in zip(images, split(images, fraction, seed, rule), strict=True):
        sides.setdefault(digest, set()).add(bool(out))
    assert all(len(side) == 1 for side in sides.values())


@rules
@given(pictures, fractions, seeds)
def test_every_class_has_something_to_train_on(rule, images, fraction, seed):
    out = split(images, fraction, seed, rule)
    trained = {label for (_, label), held in zip(images, out, strict=True) if not held}
    assert trained == {label for _, label in images}


@rules
@given(st.lists(st.integers(0, 10_000).map(str), unique=True, min_size=4), fractions, seeds)
def test_a_class_of_two_pictures_has_something_held_out(rule, digests, fraction, seed):
    images = [(digest, index % 2) for index, digest in enumerate(digests)]
    out = split(images, fraction, seed, rule)
    assert {label for (_, label), held in zip(images, out, strict=True) if held} == {0, 1}


@given(pictures, fractions, seeds, st.randoms())
def test_order_does_not_matter(images, fraction, seed, chance):
    shuffled = images[:]
    chance.shuffle(shuffled)
    sides = dict(zip(images, split(images, fraction, seed), strict=True))
    assert dict(zip(shuffled, split(shuffled, fraction, seed), strict=True)) == sides


@given(st.lists(st.integers(0, 10_000).map(str), unique=True), fractions, seeds)
def test_the_share_of_each_class_is_held_out_to_the_nearest_picture(digests, fraction, seed):
    images = [(digest, int(digest) % 3) for digest in digests]
    out = split(images * 2, fraction, seed)  # copies are one picture
    for label in range(3):
        own = [held for (_, each), held in zip(images, out, strict=False) if each == label]
        wanted = round(fraction * len(own))
        assert sum(own) == (0 if len(own) < 2 else min(max(wanted, 1), len(own) - 1))


def test_those_that_draw_least_of_their_class_are_held_out():
    images = [(f"picture {i}", i % 3) for i in range(100)]
    out = split(images, 0.3, 5)
    for label in range(3):
        draws = np.array([draw(digest, 5) for digest, _ in images])
        own = np.array([each == label for _, each in images])
        assert draws[own & out].max() < draws[own & ~out].min()


@given(seeds, st.integers(1, 200))
def test_another_class_moves_none_and_more_files_the_nearest_alone(seed, count):
    before = [(f"picture {i}", i % 3) for i in range(300)]
    other = [(f"later picture {i}", 3) for i in range(count)]
    assert (split(before, 0.2, seed) == split(before + other, 0.2, seed)[:300]).all()
    more = before + [(f"later picture {i}", i % 3) for i in range(count)]
    out, now = split(before, 0.2, seed), split(more, 0.2, seed)[:300]
    draws = np.array([draw(digest, seed) for digest, _ in before])
    for label in range(3):
        own = np.arange(300) % 3 == label
        # What is held out begins at the smallest draw, so all that moved go one way.
        assert not ((out & ~now & own).any() and (now & ~out & own).any())
        assert draws[own & now].max(initial=0) < draws[own & ~now].min(initial=1)


def test_by_draw_what_is_less_than_the_fraction_is_held_out_whatever_else_there_is():
    images = [(f"picture {i}", i % 2) for i in range(20_000)]
    out = split(images, 0.2, rule=held_out_by_draw)
    assert out[::2].mean() == pytest.approx(0.2, abs=0.01)
    assert (split(images[:300], 0.2, rule=held_out_by_draw) == out[:300]).all()


def test_a_picture_of_several_classes_is_no_ones_last():
    # "shared" is all that class 1 has; each of the classes 2 and 3 has one more.
    images = [("shared", 1), ("shared", 2), ("two", 2), ("shared", 3), ("three", 3)]
    out = split(images, 0.5, 0)
    assert out.tolist() == [False, False, True, False, True]


def test_a_share_leaves_something_on_both_sides():
    assert [share_of(count, 0.9) for count in (1, 2, 3, 10)] == [0, 1, 2, 9]
    assert [share_of(count, 0.01) for count in (1, 2, 3, 1000)] == [0, 1, 1, 10]


def test_another_seed_splits_otherwise():
    images = [(f"picture {i}", 0) for i in range(1000)]
    assert (split(images, seed=0) != split(images, seed=1)).mean() == pytest.approx(0.32, abs=0.05)


def test_draws_are_fixed_for_ever():
    assert draw("abc", 7) == 0.5148484172153661


def test_what_draws_less_than_the_fraction_is_held_out():
    rising = sorted("abcdefghijklmnop", key=lambda name: draw(name, 0))
    out = split([(name, 0) for name in rising], draw(rising[5], 0), 0, held_out_by_draw)
    assert out.tolist() == [True] * 5 + [False] * 11


def test_the_picture_nearest_to_the_other_side_is_the_one_that_moves():
    # What each picture draws with seed 0, to show which is nearest.
    draws = {name: draw(name, 0) for name in "abcdefghijklmnop"}
    rising = sorted(draws, key=draws.__getitem__)
    low, high = rising[:4], rising[-4:]
    between = (draws[low[-1]] + draws[high[0]]) / 2
    # No draw of the first class lies below the fraction: its lowest is held out, and no other.
    images = [(name, 0) for name in high] + [(name, 1) for name in low]
    out = dict(
        zip([name for name, _ in images], split(images, between, 0, held_out_by_draw), strict=True)
    )
    assert [name for name in high if out[name]] == [min(high, key=draws.__getitem__)]
    # All of the second would be held out: its highest is trained on, and no other.
    assert [name for name in low if not out[name]] == [max(low, key=draws.__getitem__)]


def test_the_last_picture_of_another_class_does_not_move():
    draws = {name: draw(name, 0) for name in "abcdefghijklmnop"}
    rising = sorted(draws, key=draws.__getitem__)
    shared, other = rising[8], rising[9]
    # The nearest of the first class is all that the second has to train on.
    images = [(shared, 0), (other, 0), (shared, 1)]
    out = split(images, draws[rising[7]], 0, held_out_by_draw)
    assert out.tolist() == [False, True, False]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
def test_an_impossible_fraction_is_refused(fraction):
    with pytest.raises(RecipeError, match="between 0 and 1"):
        split([("a", 0)], fraction)


# --- images with numbers ---------------------------------------------------------------------

ages = st.lists(
    st.tuples(st.integers(0, 60).map(str), st.floats(-1e6, 1e6)), min_size=2, max_size=80
)


@given(ages, fractions, seeds)
def test_copies_with_numbers_stay_together_and_the_share_is_exact(images, fraction, seed):
    digests = [digest for digest, _ in images]
    values = np.array([[value] for _, value in images])
    out = held_out_numbers(digests, values, fraction, seed)
    side = dict(zip(digests, out.tolist(), strict=True))
    assert [side[digest] for digest in digests] == out.tolist()
    different = len(side)
    wanted = min(max(round(fraction * different), 1), different - 1)
    assert sum(side.values()) == wanted
    order = np.random.default_rng(seed).permutation(len(digests))
    again = held_out_numbers([digests[at] for at in order], values[order], fraction, seed)
    if different == len(digests):  # of copies the mean may differ in its last digit
        assert (again == out[order]).all()


def test_numbers_are_held_out_over_their_whole_range():
    digests = [str(number) for number in range(1000)]
    rare = np.sort(np.random.default_rng(0).exponential(10, 1000))[:, None]
    for seed in range(20):
        out = held_out_numbers(digests, rare, 0.2, seed)
        eighths = out.reshape(8, 125).sum(axis=1)
        assert eighths.min() >= 25
        assert eighths.max() <= 25


def test_of_several_numbers_each_is_spread():
    draw = np.random.default_rng(1)
    values = draw.uniform(size=(800, 2))
    digests = [str(number) for number in range(800)]
    out = held_out_numbers(digests, values, 0.25, 0)
    for column in values.T:
        quarters = out[np.argsort(column)].reshape(4, 200).mean(axis=1)
        assert np.abs(quarters - 0.25).max() < 0.03
    assert not held_out_numbers(["1", "1"], values[:2], 0.25, 0).any()
