"""A recipe as a value: written and read again, with other epochs, batches and sizes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.recipes.recipe import Recipe
from striate.support.limits import MOST


def made(text: str) -> Recipe:
    return Recipe.from_dict({"name": "mine", **tomllib.loads(text)}, "mine")


def test_fractions_and_epochs_may_be_mixed() -> None:
    text = '[schedule]\nname = "step"\nmilestones = [1, 0.5, 0.75]'
    assert made(text).schedule.milestones == (1.0, 0.5, 0.75)


def _numbers(low: float, high: float, **more: Any) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, **more)


SHARES = _numbers(0, 1, exclude_max=True)
RECIPE_TABLES = st.fixed_dictionaries(
    {"name": st.text(st.characters(exclude_categories=["Cs"]))},
    optional={
        "ours": st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=2),
        "epochs": st.integers(1, MOST),
        "least_steps": st.integers(0, 1000),
        "optimiser": st.fixed_dictionaries(
            {"name": st.sampled_from(["sgd", "adam", "adamw", "rmsprop", "adadelta"])},
            optional={
                "rate": _numbers(0, 10, exclude_min=True),
                "betas": st.tuples(SHARES, SHARES),
            },
        ),
        "schedule": st.fixed_dictionaries(
            {"milestones": st.lists(_numbers(0, 300), unique=True, max_size=4).map(sorted)},
            optional={"final": SHARES, "warmup_rate": SHARES},
        ),
        "loss": st.fixed_dictionaries(
            {}, optional={"auxiliary_weights": st.lists(SHARES, max_size=2)}
        ),
    },
)


@settings(deadline=None)  # a busy machine is no defect
@given(RECIPE_TABLES)
def test_any_recipe_survives_toml(table: dict[str, Any]) -> None:
    recipe = Recipe.from_dict(tomllib.loads(tomli_w.dumps(table)), "given")
    again = Recipe.from_dict(tomllib.loads(tomli_w.dumps(recipe.to_dict())), "again")
    assert again == recipe


def test_another_batch_size_scales_the_rate() -> None:
    text = "batch_size = 100\n[optimiser]\nrate = 0.2\n[schedule]\nwarmup_rate = 0.1"
    recipe = made(text).with_changes(batch_size=50, epochs=7)
    assert (recipe.optimiser.rate, recipe.schedule.warmup_rate) == (0.1, 0.05)
    assert (recipe.batch_size, recipe.epochs) == (50, 7)
    adaptive = made('batch_size = 100\n[optimiser]\nname = "adam"\nrate = 0.2')
    adaptive = adaptive.with_changes(batch_size=25)
    assert adaptive.optimiser.rate == 0.2


def test_another_input_size_scales_what_is_in_pixels() -> None:
    text = '[augmentation]\ncrop = "corner"\nsizes = [256, 480]\n[preprocessing]\nresize = 256'
    recipe = made(text)
    assert recipe.at_size(224, 224) == recipe
    assert recipe.at_size(112, 224).augmentation.sizes == (128, 240)
    assert recipe.at_size(112, 224).preprocessing.resize == 128
    assert recipe.at_size(1, 10_000).augmentation.sizes == (1, 1)
    assert Recipe(name="mine").at_size(64, 32).preprocessing.resize == 0


def test_few_images_get_smaller_batches() -> None:
    text = "batch_size = 128\nleast_steps = 40\n[optimiser]\nrate = 0.1"
    recipe = made(text)
    assert recipe.fitted_to(50_000) == recipe
    assert recipe.fitted_to(1_437).batch_size == 32
    assert recipe.fitted_to(1_437).optimiser.rate == pytest.approx(0.025)
    assert recipe.fitted_to(20).batch_size == 8
