from __future__ import annotations

from pathlib import Path

import pytest

from striate.errors import RecipeError
from striate.training.recipe import RECIPES, Recipe, load_recipe

WHO = {"network": "resnet20", "family": "resnet", "normalised": True, "grey": False, "small": False}


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_every_recipe_reads_and_survives_a_round_trip() -> None:
    for path in RECIPES.rglob("*.toml"):
        recipe = load_recipe(str(path), **WHO)
        assert Recipe.from_dict(recipe.to_dict(), "again") == recipe
        assert recipe.reference, f"{path.name} names no paper"


def test_modern_adapts_to_networks_without_batch_norm_and_to_grey_images() -> None:
    assert load_recipe("modern", **WHO).optimiser.name == "sgd"
    assert load_recipe("modern", **WHO).augmentation.mirror
    assert load_recipe("modern", **WHO).loss.label_smoothing == 0.1
    assert load_recipe("modern", **{**WHO, "small": True}).loss.label_smoothing == 0.0
    plain = load_recipe("modern", **{**WHO, "normalised": False, "grey": True})
    assert plain.optimiser.name == "adamw"
    assert plain.gradient.clip_norm == 1.0
    lenet = load_recipe("modern", **{**WHO, "normalised": False, "family": "lenet"})
    assert lenet.optimiser.rate == 10 * plain.optimiser.rate
    assert not plain.augmentation.mirror


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epohcs = 3", "epohcs: is not a key here; did you mean 'epochs'"),
        ("[optimiser]\nmomentun = 0.9", "optimiser: momentun: is not a key"),
        ('[optimiser]\nname = "sdg"', "'sdg': is unknown; did you mean 'sgd'"),
        ('epochs = "many"', "must be a whole number, not str"),
        ("epochs = true", "must be a whole number, not bool"),
        ("epochs = 0", "must be at least 1"),
        ("[optimiser]\nrate = -1", "must be more than 0"),
        ("[optimiser]\nrate = nan", "must be a finite number"),
        ("[loss]\nlabel_smoothing = 1.5", r"must be in \[0, 1\)"),
        ("[schedule]\nmilestones = [1, 2]\nrates = [0.1]", "holds 1 values for 2 milestones"),
        ("[augmentation]\nmirrror = true", "did you mean 'mirror'"),
        ("optimiser = 3", "must be a table"),
        ("epochs = ", "cannot be read as TOML"),
    ],
)
def test_errors_name_the_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path, text), **WHO)


def test_unknown_recipes() -> None:
    with pytest.raises(RecipeError, match="did you mean 'modern'"):
        load_recipe("moderm", **WHO)
    with pytest.raises(RecipeError, match="there is no such recipe file"):
        load_recipe("nowhere.toml", **WHO)


def test_another_batch_size_scales_the_rate(tmp_path: Path) -> None:
    text = "batch_size = 100\n[optimiser]\nrate = 0.2\n[schedule]\nwarmup_rate = 0.1"
    recipe = load_recipe(write(tmp_path, text), **WHO).with_changes(batch_size=50, epochs=7)
    assert (recipe.optimiser.rate, recipe.schedule.warmup_rate) == (0.1, 0.05)
    assert (recipe.batch_size, recipe.epochs) == (50, 7)
    adaptive = load_recipe(
        write(tmp_path, 'batch_size = 100\n[optimiser]\nname = "adam"\nrate = 0.2'), **WHO
    ).with_changes(batch_size=25)
    assert adaptive.optimiser.rate == 0.2


def test_another_input_size_scales_what_is_in_pixels(tmp_path: Path) -> None:
    text = '[augmentation]\ncrop = "corner"\nsizes = [256, 480]\n[preprocessing]\nresize = 256'
    recipe = load_recipe(write(tmp_path, text), **WHO)
    assert recipe.at_size(224, 224) == recipe
    assert recipe.at_size(112, 224).augmentation.sizes == (128, 240)
    assert recipe.at_size(112, 224).preprocessing.resize == 128


def test_few_images_get_smaller_batches(tmp_path: Path) -> None:
    text = "batch_size = 128\nleast_steps = 40\n[optimiser]\nrate = 0.1"
    recipe = load_recipe(write(tmp_path, text), **WHO)
    assert recipe.fitted_to(50_000) == recipe
    assert recipe.fitted_to(1_437).batch_size == 32
    assert recipe.fitted_to(1_437).optimiser.rate == pytest.approx(0.025)
    assert recipe.fitted_to(20).batch_size == 8
