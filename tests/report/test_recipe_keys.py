"""The page shows the keys that did something, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from striate.recipes.frozen import FrozenRecipe, HeadFit
from striate.recipes.recipe import Recipe, Schedule
from striate.recipes.sizes import Sizes
from striate.report.build import render
from striate.report.inputs import ReportInputs
from striate.report.recipe_keys import _READ_UNDER, in_use


def test_every_key_that_is_named_exists() -> None:
    whole = Recipe(name="x").to_dict()
    for (table, key), (choice, under) in _READ_UNDER.items():
        assert key in whole[table], (table, key)
        assert choice in whole[table]
        assert under


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", torch.optim.SGD),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("rmsprop", torch.optim.RMSprop),
        ("adadelta", torch.optim.Adadelta),
    ],
)
def test_an_optimiser_has_the_keys_that_torch_gives_it(name: str, kind: type) -> None:
    table = {"name": "x", "optimiser": {"name": name}}
    shown = in_use(Recipe.from_dict(table, "x"), True)
    ours = set(shown["optimiser"]) & {"momentum", "nesterov", "betas", "alpha", "eps"}
    theirs = set(kind([torch.zeros(1)], lr=1.0).defaults)
    if "rho" in theirs:  # what Adadelta calls it
        theirs.add("alpha")
    assert ours == theirs & {"momentum", "nesterov", "betas", "alpha", "eps"}


@pytest.mark.parametrize(
    ("small", "kept"), [(True, {"padding", "border"}), (False, {"scale", "ratio"})]
)
def test_the_automatic_crop_is_the_one_that_was_used(small: bool, kept: set[str]) -> None:
    shown = in_use(Recipe(name="x"), small)["augmentation"]
    assert {"padding", "border", "scale", "ratio", "sizes"} & set(shown) == kept


def test_a_warm_up_that_there_is_not_has_no_first_rate() -> None:
    without = Recipe(name="x", schedule=Schedule(warmup=0.0, warmup_rate=0.1))
    assert "warmup_rate" not in in_use(without, True)["schedule"]
    beginning = Recipe(name="x", schedule=Schedule(warmup=2.0, warmup_rate=0.1))
    assert "warmup_rate" in in_use(beginning, True)["schedule"]


def test_nothing_else_is_left_out() -> None:
    recipe = Recipe(name="x", sizes=Sizes(start=0.5))
    whole, shown = recipe.to_dict(), in_use(recipe, True)
    assert set(shown) == set(whole)
    named = {key for _, key in _READ_UNDER} | {"warmup_rate"}
    for name, values in shown.items():
        if isinstance(values, dict):
            given = {key for key, each in vars(getattr(recipe, name)).items() if each is not None}
            assert given - set(values) <= named
    # Where images do not grow, nothing of sizes is read.
    assert set(in_use(Recipe(name="x"), True)) == set(whole) - {"sizes"}


@pytest.mark.parametrize(
    ("reference", "heading"),
    [("", "Departures"), ("He et al. 2015", "Departures from its reference")],
)
def test_departures_are_from_what_the_recipe_follows(
    make_inputs: Callable[..., ReportInputs], reference: str, heading: str
) -> None:
    recipe = Recipe(name="mine", reference=reference, departures=("no <b>flips</b>",))
    page = render(make_inputs(recipe=recipe))
    assert f"<h3>{heading}</h3><ul><li>no &lt;b&gt;flips" in page


def test_a_head_that_was_fitted_and_no_recipe_at_all() -> None:
    head = HeadFit(kind="softmax", penalty="l2", C=2.0, folds=5)
    shown = in_use(FrozenRecipe(head=head), True)
    assert list(shown) == ["name", "reference", "head"]
    fit = {"kind": "softmax", "penalty": "l2", "C": 2.0, "folds": 5}
    assert shown["head"] == {**fit, "class_weights": "none"}
    assert in_use(None, True) == {}
