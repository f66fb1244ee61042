"""A recipe by its name or in a file, laid together for a network and its images."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_type_hints

import pytest

from striate.errors import RecipeError
from striate.recipes.load import OVERLAYS, RECIPES, load_recipe
from striate.recipes.recipe import Recipe

WHO = {"network": "resnet20", "family": "resnet", "normalised": True, "grey": False, "small": False}


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_every_recipe_reads_and_names_its_paper() -> None:
    for path in RECIPES.rglob("*.toml"):
        recipe = load_recipe(str(path), **WHO)
        assert Recipe.from_dict(recipe.to_dict(), "again") == recipe
        assert recipe.reference, f"{path.name} names no paper"


def test_modern_adapts_to_networks_without_batch_norm_and_to_grey_images() -> None:
    assert load_recipe("modern", **WHO).optimiser.name == "sgd"
    assert load_recipe("modern", **WHO).augmentation.horizontal_flip
    assert load_recipe("modern", **WHO).loss.label_smoothing == 0.1
    small = load_recipe("modern", **{**WHO, "small": True})
    assert (small.augmentation.border, small.augmentation.erasing) == ("reflect", 0.25)
    digits = load_recipe("modern", **{**WHO, "small": True, "grey": True})
    assert (digits.augmentation.border, digits.augmentation.erasing) == ("fill", 0.0)
    # Images grow where that was measured: photographs, batch norm, more than 64 pixels.
    grows = load_recipe("modern", **WHO)
    assert (grows.sizes.start, grows.sizes.end, grows.epochs) == (0.5, 0.875, 32)
    for other in ({"small": True}, {"grey": True}, {"normalised": False}, {"family": "vgg"}):
        still = load_recipe("modern", **{**WHO, **other})
        assert (still.sizes.vary, still.epochs) == (False, 20)
    plain = load_recipe("modern", **{**WHO, "normalised": False, "grey": True})
    assert plain.optimiser.name == "adamw"
    assert plain.gradient.clip_norm == 1.0
    lenet = load_recipe("modern", **{**WHO, "normalised": False, "family": "lenet"})
    assert lenet.optimiser.rate == 10 * plain.optimiser.rate
    assert lenet.loss.label_smoothing == lenet.augmentation.brightness == 0.0
    assert not plain.augmentation.horizontal_flip


def test_vgg_with_batch_norm_takes_a_tenth_of_the_rate_and_without_it_the_others_recipe() -> None:
    with_norm = load_recipe("modern", **{**WHO, "family": "vgg"})
    without = load_recipe("modern", **{**WHO, "family": "vgg", "normalised": False})
    assert (with_norm.optimiser.name, with_norm.optimiser.rate) == ("sgd", 0.01)
    assert with_norm.gradient.clip_norm == 1.0
    assert without.optimiser.name == "adamw"
    assert load_recipe("modern", **WHO).optimiser.rate == 0.1


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
        ("[augmentation]\nhorizontal_flips = true", "did you mean 'horizontal_flip'"),
        ("optimiser = 3", "must be a table"),
        ("epochs = ", "cannot be read as TOML"),
        ("epochs = " + "9" * 5000, "cannot be read as TOML"),
        ("[optimiser]\nrate = 1" + "0" * 400, "must be a finite number"),
        ('family = "lenet"', "family = 'lenet': must be a table"),
        ('[family]\nlenet = "x"', r"family\.lenet = 'x': must be a table"),
        ("grey = true", "grey = True: must be a table"),
        ("small = 1", "small = 1: must be a table"),
        ("without_normalisation = []", "must be a table"),
        ('loss = "x"\n[grey.loss]\nlabel_smoothing = 0.1', "loss: must be a table"),
        ("[grey]\nloss = 3", r"\[grey\]: loss: must be a table"),
        ("[grey.epochs]\na = 3", r"\[grey\]: epochs = .*must be a whole number"),
        ("[optimiser]\nbetas = [1.5, 0.9]", r"betas = 1.5: must be in \[0, 1\)"),
        ("[optimiser]\neps = -1e-8", "eps = -1e-08: must be more than 0"),
        ("[optimiser]\nalpha = -0.1", r"alpha = -0.1: must be in \[0, 1\)"),
        ("[optimiser]\nmomentum = 1", r"momentum = 1.0: must be in \[0, 1\)"),
        ("[early_stopping]\npatience = -1", "patience = -1: must be at least 0"),
        ("[schedule]\nmilestones = [60, 30]", "must rise"),
        ("[schedule]\nmilestones = [0.5, 0.5]", "must rise"),
        ("[schedule]\nmilestones = [-1, 0.5]", "milestones = -1.0: must be at least 0"),
        ("[schedule]\nmilestones = [1]\nrates = [-1]", "rates = -1.0: must be at least 0"),
        ("[schedule]\nfinal = -0.1", "final = -0.1: must be at least 0"),
        ("[schedule]\nwarmup_rate = -0.1", "warmup_rate = -0.1: must be at least 0"),
        ("[loss]\nauxiliary_weights = [0.3, -0.3]", "auxiliary_weights = -0.3: must be at least"),
        ("least_steps = -1", "least_steps = -1: must be at least 0"),
        ("[preprocessing]\nmean = [0.5]", "mean and std: go with"),
        ("[preprocessing]\nstd = [0.5]", "mean and std: go with"),
        ('[preprocessing]\nstatistics = "given"\nmean = [0.5]', "mean and std: go with"),
        (
            '[preprocessing]\nstatistics = "given"\nmean = [0.5, 0.5]\nstd = [1.0]',
            "must be as many as each other",
        ),
        ("[preprocessing]\nfill = 256", "fill = 256: must be at most 255"),
        ("[preprocessing]\nresize = -1", "resize = -1: must be at least 0"),
        ("epochs = 1000001", "epochs = 1000001: must be at most 1,000,000"),
        ("batch_size = 9000000000", "batch_size = 9000000000: must be at most"),
        ("least_steps = 1000001", "must be at most"),
        ("[gradient]\naccumulate = 1000001", "accumulate = 1000001: must be at most"),
        ("[early_stopping]\npatience = 1000001", "must be at most"),
        ("[schedule]\npatience = 1000001", "must be at most"),
        ("[schedule]\nmilestones = [1e300]", "milestones = 1e\\+300: must be at most"),
        ("[preprocessing]\nresize = 8193", "resize = 8193: must be at most 8,192"),
        ("[augmentation]\npadding = 513", "padding.*must be a whole number of pixels, 0 to 512"),
        ("[augmentation]\nsizes = [256, 4097]", "sizes.*must be at most 4,096"),
        ("[family.lenett]\nepochs = 3", r"lenett\]: there is no such family; did you mean 'lenet'"),
        (
            "[gery.augmentation]\nhorizontal_flip = false",
            "gery: is not a key here; did you mean 'grey'",
        ),
        (
            "[grey.augmentation]\nhorizontl_flip = false",
            r"\[grey\]: augmentation: horizontl_flip.*'horizontal_flip'",
        ),
        ("[small]\nepohcs = 3", r"\[small\]: epohcs: is not a key here; did you mean 'epochs'"),
        ("[family.vgg.optimiser]\nrate = -1", r"\[family.vgg\]: optimiser: rate = -1.0: must be"),
        ("[without_normalisation.grey]\nepochs = 3", r"normalisation\]: grey: is not a key"),
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
    for name in ("x" * 300, "x" * 300 + ".toml", "~nobody-of-that-name/mine.toml", "a\0.toml"):
        with pytest.raises(RecipeError):
            load_recipe(name, **WHO)


def test_tables_are_laid_over_one_another_in_order(tmp_path: Path) -> None:
    text = (
        "epochs = 1\n[small]\nepochs = 2\n[grey]\nepochs = 3\n[family.resnet]\nepochs = 4\n"
        "[family.vgg]\nepochs = 5\n[grey.augmentation]\nhorizontal_flip = false\n"
        "[small.augmentation]\nhorizontal_flip = true\npca = 0.1"
    )
    path = write(tmp_path, text)
    who = {**WHO, "family": "googlenet"}
    assert load_recipe(path, **who).epochs == 1
    assert load_recipe(path, **{**who, "small": True}).epochs == 2
    both = load_recipe(path, **{**who, "small": True, "grey": True})
    assert (both.epochs, both.augmentation.horizontal_flip, both.augmentation.pca) == (
        3,
        False,
        0.1,
    )
    assert load_recipe(path, **{**WHO, "grey": True}).epochs == 4


def test_recipe_in_a_file_whose_name_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.toml")
    path.write_text("epochs = 3")
    assert load_recipe(str(path), **WHO).name.isprintable()


DOCS = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_the_documented_recipe_is_one(tmp_path: Path) -> None:
    shown = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert load_recipe(write(tmp_path, shown[0]), **WHO).name == "my recipe"


def test_every_key_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for overlay in (*OVERLAYS, "family"):
        assert f"`[{overlay}{'.NAME' if overlay == 'family' else ''}]`" in text
    shown = tomllib.loads(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    for each in fields(Recipe):
        assert each.name in shown
        for key in fields(kind) if is_dataclass(kind := get_type_hints(Recipe)[each.name]) else ():
            assert key.name in shown[each.name], f"[{each.name}] {key.name}"


def test_a_file_extends_a_recipe_and_wins_over_all_its_tables(tmp_path: Path) -> None:
    text = 'extends = "modern"\nepochs = 7\n[optimiser]\nrate = 0.3\n[grey]\nepochs = 9'
    path = write(tmp_path, text)
    for who in (WHO, {**WHO, "small": True}, {**WHO, "normalised": False, "family": "vgg"}):
        modern, mine = load_recipe("modern", **who), load_recipe(path, **who)
        assert (mine.name, mine.epochs, mine.optimiser.rate) == ("mine", 7, 0.3)
        # All else is as it is there, key by key.
        optimiser = replace(modern.optimiser, rate=0.3)
        assert mine == replace(modern, name="mine", epochs=7, optimiser=optimiser)
    assert load_recipe(path, **{**WHO, "grey": True}).epochs == 9
    numbers = load_recipe(path, **WHO, numbers=True)
    assert (numbers.loss.name, numbers.gradient.clip_norm) == ("squared", 4.0)


def test_files_extend_files_relative_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "a b 中").mkdir()
    (tmp_path / "base.toml").write_text('extends = "classic"\n[augmentation]\nmirror = false')
    mine = tmp_path / "a b 中" / "mine.toml"
    mine.write_text('extends = "../base.toml"\nepochs = 3')
    found = load_recipe(str(mine), **WHO)
    classic = load_recipe("classic", **WHO)
    assert (found.epochs, found.augmentation.horizontal_flip) == (3, False)
    assert found.optimiser == classic.optimiser
    assert found.reference == classic.reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "mine.toml"', "extends = 'mine.toml': leads back to this file; let one"),
        ('extends = "other.toml"', r"other\.toml: extends = 'mine.toml': leads back to this file"),
        ('extends = "modem"', r"is neither a recipe nor a file \(.*modem is not there\); did you"),
        ("extends = 3", "extends = 3: must be a recipe's name or file; e.g. extends = "),
        (
            f"extends = 0x{'f' * 9000}",
            "extends = a number of thousands of digits: must be a recipe",
        ),
        (f"small = 0x{'f' * 9000}", "small = a number of thousands of digits: must be a table"),
        (f"family = 0x{'f' * 9000}", "family = a number of thousands of digits: must be a table"),
        ('extends = ""', "must be a recipe's name or file"),
        ('extend = "modern"', "extend: is not a key here; did you mean 'extends'"),
        ('extends = "modern"\n[optimiser]\nnesterov = true\nname = "adam"', "mine.toml: optimiser"),
        (
            'extends = "modern"\n[small.optimiser]\nrate = -1',
            r"mine.toml \[small\]: optimiser: rate",
        ),
        ('[small]\nextends = "modern"', "extends: is not a key here"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "other.toml").write_text('extends = "mine.toml"')
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path, text), **WHO)
