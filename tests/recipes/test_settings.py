"""Single keys of a recipe: how they are typed, which there are, and that they hold."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from striate.errors import RecipeError
from striate.recipes.load import load_recipe
from striate.recipes.recipe import Recipe
from striate.recipes.settings import (
    departures_of,
    flat,
    keys,
    read_settings,
    set_in,
    value_of,
    with_settings,
)

MODERN = load_recipe(
    "modern", network="resnet20", family="resnet", normalised=True, grey=False, small=True
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.01", 0.01),
        ("1e-3", 1e-3),
        ("12", 12),
        ("true", True),
        ("False", False),
        ("adamw", "adamw"),
        ('"adamw"', "adamw"),
        ("0.5,0.75", [0.5, 0.75]),
        ("[0.5, 0.75]", [0.5, 0.75]),
        ("0.01\nepochs = 3", "0.01\nepochs = 3"),  # one key is one key
        ("a=b", "a=b"),
    ],
)
def test_values_are_typed_as_in_toml_and_words_without_quotes(text: str, value: Any) -> None:
    assert read_settings([f" optimiser.rate = {text}"]) == {"optimiser.rate": value}


def test_every_key_of_every_table_can_be_set_to_what_it_is() -> None:
    settings = {key: value_of(MODERN, key) for key in keys()}
    known = {key: value for key, value in settings.items() if value is not None}
    assert len(known) >= len(settings) - 1  # the weights of auxiliary heads are the paper's
    found = with_settings(MODERN, flat(known))
    assert replace(found, departures=()) == replace(MODERN, departures=())
    assert len(set_in(found)) == len(known)


def test_what_is_set_is_said_once_beside_the_departures_of_the_recipe() -> None:
    recipe = replace(MODERN, departures=("no lighting",))
    once = with_settings(recipe, flat({"optimiser": {"rate": 0.25, "betas": (0.8, 0.9)}}))
    twice = with_settings(once, {"optimiser.rate": 0.5})
    assert (once.optimiser.rate, twice.optimiser.rate) == (0.25, 0.5)
    assert set_in(once) == ("optimiser.rate = 0.25", "optimiser.betas = [0.8, 0.9]")
    assert set_in(twice) == ("optimiser.betas = [0.8, 0.9]", "optimiser.rate = 0.5")
    assert departures_of(twice) == ("no lighting",)
    assert with_settings(recipe, {}) is recipe
    assert with_settings(once, flat({"optimiser": {"rate": 0.25, "betas": (0.8, 0.9)}})) == once


def test_a_key_that_files_know_under_an_older_name() -> None:
    assert flat({"augmentation.mirror": False}) == {"augmentation.horizontal_flip": False}
    assert not with_settings(
        MODERN, flat({"augmentation": {"mirror": False}})
    ).augmentation.horizontal_flip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("optimiser.rate", "`set='optimiser.rate'`: is not key=value; e.g. optimiser.rate=0.01"),
        ("=3", "is not key=value"),
        (
            "optimiser.rat=1",
            "`set` optimiser.rat: is not a key of a recipe; did you mean 'optimiser.rate'?",
        ),
        ("rate=1", "did you mean 'optimiser.rate'?"),
        ("name=adamw", "`set` name: says what a recipe is, and decides nothing"),
        ("patience=1", "did you mean 'schedule.patience' or 'early_stopping.patience'?"),
        ("lr=1", "did you mean 'optimiser.rate'?"),
        ("optimizer=sgd", "did you mean 'optimiser.name'?"),
        ("a.b.c=1", "choose one of"),
        ("<b>\x1b=1", r"`set` <b>\x1b: is not a key"),
        ("optimiser.rate=fast", "`set`: optimiser: rate = 'fast': must be a number, not str"),
        ("optimiser.rate=-1", "optimiser: rate = -1.0: must be more than 0"),
        ("optimiser.name=adamww", "did you mean 'adamw'?"),
        (f"epochs={'[' * 5000}", "must be a whole number, not str"),
        (f"epochs=0x{'f' * 9000}", "epochs = a number of thousands of digits: must be at most"),
        ("epochs={}", "epochs = {}: must be a whole number, not dict"),
        ("epochs=2.5", "epochs = 2.5: must be a whole number, not float"),
        ("schedule.milestones=0.5,0.2", "must rise"),
        ("optimiser.name=adamw", "nesterov: needs sgd with momentum; set it to false"),
    ],
)
def test_what_cannot_be_set_is_said_in_a_line(given: str, message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)) as raised:
        with_settings(MODERN, flat(read_settings([given])))
    assert "\n" not in str(raised.value)


def test_a_key_is_given_once() -> None:
    with pytest.raises(RecipeError, match="epochs is given twice"):
        read_settings(["epochs=1", "epochs=2"])
    with pytest.raises(RecipeError, match=r"`set` optimiser.rate: is given twice"):
        flat({"optimiser.rate": 1.0, "optimiser": {"rate": 1.0}})


def test_keys_that_only_describe_are_all_others() -> None:
    tables = {key.partition(".")[0] for key in keys()}
    assert tables | {"name", "reference", "ours", "departures"} == set(vars(MODERN))
    assert isinstance(MODERN, Recipe)
