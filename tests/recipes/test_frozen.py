"""How a head was fitted, as it stands where a recipe stands otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from striate.errors import RecipeError
from striate.recipes.frozen import FrozenRecipe, HeadFit
from striate.support.tables import decided, from_table, plain


def test_it_is_written_in_the_first_names_and_read_in_both() -> None:
    head = HeadFit(kind="svm-rbf", penalty="l2", C=2.0, folds=5, gamma=0.25)
    recipe = FrozenRecipe(head=head)
    table = plain(recipe)
    # What came later is written, and is no part of what was decided as long as nobody asks for it.
    assert table["head"].pop("class_weights") == "none"
    assert table == decided(recipe)
    assert table["name"] == "frozen_backbone"
    assert table["head"] == {
        "kind": "svm-rbf",
        "penalty": "l2",
        "strength": 2.0,
        "folds": 5,
        "width": 0.25,
    }
    assert from_table(FrozenRecipe, table, "it") == recipe
    assert from_table(FrozenRecipe, {"head": vars(head)}, "it") == recipe


def test_a_head_without_a_kernel_has_no_gamma() -> None:
    head = HeadFit(kind="softmax", penalty="l1", C=2.0, folds=0)
    assert "width" not in plain(head)
    assert from_table(HeadFit, plain(head), "it") == head


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"C": -1.0}, "C = -1.0: must be at least 0"),
        ({"gamma": -1.0}, "gamma = -1.0: must be at least 0"),
        ({"folds": -1}, "folds = -1: must be at least 0"),
    ],
)
def test_numbers_have_bounds_whoever_gives_them(change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"kind": "softmax", "penalty": "l2", "C": 1.0, "folds": 5}
    with pytest.raises(RecipeError, match=said):
        HeadFit(**(given | change))
