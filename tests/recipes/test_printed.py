"""Recipes as text: every key with what it decides, and the same recipe again when it is read."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import striate
from striate.errors import NetworkError, RecipeError, StriateError
from striate.recipes.key_docs import key_docs
from striate.recipes.listed import RecipeList
from striate.recipes.load import NAMES, RECIPES, load_recipe
from striate.recipes.printed import RecipeText
from striate.recipes.recipe import Recipe
from striate.zoo.catalogue import entries

FLAGS = ("normalised", "grey", "small", "numbers")


def shown(*args: Any, **options: Any) -> RecipeText:
    found = striate.recipe(*args, **options)
    assert isinstance(found, RecipeText)
    return found


def everywhere(name: str | Path, network: str, family: str) -> list[Recipe]:
    """The recipe for every kind of network and images."""
    return [
        load_recipe(
            str(name), network=network, family=family, **dict(zip(FLAGS, holds, strict=True))
        )
        for holds in itertools.product((False, True), repeat=len(FLAGS))
    ]


@pytest.mark.parametrize("name", ["modern", "fine_tuning"])
@pytest.mark.parametrize("network", [("resnet18", "resnet"), ("vgg11", "vgg"), ("lenet", "lenet")])
def test_what_is_printed_is_the_same_recipe(
    name: str, network: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(shown(name).toml, encoding="utf-8")
    assert everywhere(path, *network) == everywhere(name, *network)


def test_a_paper_s_recipe_is_printed_for_its_network(tmp_path: Path) -> None:
    found = shown("classic", net="vgg11", size=112)
    path = tmp_path / "printed.toml"
    path.write_text(found.toml, encoding="utf-8")
    for recipe in everywhere(path, "resnet18", "resnet"):
        assert recipe.augmentation.sizes == (128, 128)  # of 256 at 224 pixels
    assert Recipe.from_dict(found.values, "again").name == "VGG 2014"
    with pytest.raises(RecipeError, match=r"^classic: is another recipe for each network"):
        striate.recipe("classic")
    with pytest.raises(NetworkError, match="did you mean"):
        striate.recipe("classic", net="vgg111")


def test_for_a_network_all_tables_that_hold_are_in_it() -> None:
    for net, normalised in (("vgg11", False), ("vgg11_bn", True), ("lenet", False)):
        entry = next(each for each in entries() if each.name == net)
        wanted = load_recipe(
            "modern",
            network=net,
            family=entry.family,
            normalised=normalised,
            grey=entry.input[0] == 1,
            small=max(entry.input) <= 64,
        )
        found = shown("modern", net=net)
        assert Recipe.from_dict(found.to_json(), "again") == wanted
        assert tomllib.loads(found.toml) == json.loads(json.dumps(found.to_json()))


def test_every_key_has_a_comment() -> None:
    lines = shown("modern").toml.partition("\n# Laid over")[0].splitlines()
    for before, line in itertools.pairwise(lines):
        if " = " in line and not line.startswith("#"):
            assert before.startswith("# "), line
    tables = get_type_hints(Recipe)
    for each in fields(Recipe):
        if is_dataclass(tables[each.name]):
            found = key_docs(tables[each.name])
            assert set(found) == {key.name for key in fields(tables[each.name])}
            assert all(text.endswith(".") and "`" not in text for text in found.values())
        else:
            assert each.name in key_docs(Recipe)
    assert "# auxiliary_weights = …" in lines


def test_where_the_program_has_no_source_keys_have_no_comments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = tomllib.loads(shown("modern").toml)
    monkeypatch.setattr("striate.recipes.printed.key_docs", lambda _: {})
    text = shown("modern").toml
    assert "# auxiliary_weights = …" in text
    assert tomllib.loads(text) == whole


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"net": "resnet18"}, "`net='resnet18'`: is for one recipe, and none is named; name it"),
        ({"size": 64}, "`size=64`: is for one recipe"),
        ({"recipe": "modern", "size": 64}, "`size=64`: is that of a network's input, and none"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(StriateError, match=message):
        striate.recipe(**given)


def test_a_file_that_extends_another_is_printed_with_what_it_says_itself(tmp_path: Path) -> None:
    (tmp_path / "below 中.toml").write_text('extends = "modern"\nepochs = 9', encoding="utf-8")
    mine = tmp_path / "<b>.toml"
    mine.write_text('extends = "below 中.toml"\n[small.optimiser]\nrate = 0.5', encoding="utf-8")
    found = shown(mine)
    again = tmp_path / "elsewhere" / "again.toml"
    again.parent.mkdir()
    again.write_text(found.toml, encoding="utf-8")
    assert everywhere(again, "resnet18", "resnet") == everywhere(mine, "resnet18", "resnet")
    assert set(tomllib.loads(found.toml)) == {"extends", "name", "small"}
    assert tomllib.loads(shown(mine, net="resnet20").toml)["optimiser"]["rate"] == 0.5


def test_the_list_has_every_recipe_and_every_network_of_a_paper() -> None:
    found = striate.recipe()
    assert isinstance(found, RecipeList)
    assert {each.name for each in found.recipes} == set(NAMES)
    assert len(found.recipes) == len(list(RECIPES.rglob("*.toml")))
    who: dict[str, Any] = {"normalised": True, "grey": False, "small": False}
    for each in found.recipes:
        if each.networks:
            families = {entry.name: entry.family for entry in entries()}
            who = {**who, "network": each.networks[0], "family": families[each.networks[0]]}
            assert load_recipe("classic", **who).name == each.title
    assert all(len(line) <= 80 for line in str(found).splitlines())
    listed: list[Mapping[str, Any]] = found.to_json()
    assert json.loads(json.dumps(listed)) == listed
