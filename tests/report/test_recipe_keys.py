"""The page shows the keys that did something, and no others."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from striate.recipes.recipe import Recipe
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
    shown = in_use({"optimiser": Recipe(name="x").to_dict()["optimiser"] | {"name": name}}, True)
    ours = set(shown["optimiser"]) & {"momentum", "nesterov", "betas", "alpha", "eps"}
    theirs = set(kind([torch.zeros(1)], lr=1.0).defaults)
    if "rho" in theirs:  # what Adadelta calls it
        theirs.add("alpha")
    assert ours == theirs & {"momentum", "nesterov", "betas", "alpha", "eps"}


@pytest.mark.parametrize(
    ("small", "kept"), [(True, {"padding", "border"}), (False, {"scale", "ratio"})]
)
def test_the_automatic_crop_is_the_one_that_was_used(small: bool, kept: set[str]) -> None:
    shown = in_use(Recipe(name="x").to_dict(), small)["augmentation"]
    assert {"padding", "border", "scale", "ratio", "sizes"} & set(shown) == kept


def test_a_warm_up_that_there_is_not_has_no_first_rate() -> None:
    assert (
        "warmup_rate"
        not in in_use({"schedule": {"warmup": 0.0, "warmup_rate": 0.1}}, True)["schedule"]
    )
    assert (
        "warmup_rate" in in_use({"schedule": {"warmup": 2.0, "warmup_rate": 0.1}}, True)["schedule"]
    )


def test_nothing_else_is_left_out() -> None:
    whole = Recipe(name="x").to_dict()
    shown = in_use(whole, True)
    assert set(shown) == set(whole)
    named = {key for _, key in _READ_UNDER} | {"warmup_rate"}
    for each in fields(Recipe):
        if isinstance(whole.get(each.name), dict):
            assert set(whole[each.name]) - set(shown[each.name]) <= named
