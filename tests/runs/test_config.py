"""What ``run.toml`` says, as typed parts: old runs read as they were written, damage is located."""

from __future__ import annotations

import tarfile
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from striate.errors import RunError
from striate.recipes.frozen import REFERENCE, FrozenRecipe, HeadFit
from striate.recipes.recipe import Optimiser, Recipe, Schedule
from striate.runs.config import RunConfig
from striate.runs.origins import Provenance
from striate.runs.run import CONFIG, Run

STORED = Path(__file__).parent / "stored" / "format0"


def table(name: str) -> dict[str, Any]:
    """The ``run.toml`` of a run of the first format."""
    with tarfile.open(STORED / f"{name}.tar.xz") as archive:
        member = archive.extractfile(f"{name}/{CONFIG}")
        assert member is not None
        return tomllib.loads(member.read().decode())


def read(folder: Path, content: dict[str, Any]) -> RunConfig:
    (folder / CONFIG).write_text(tomli_w.dumps(content), encoding="utf-8")
    return RunConfig.read(folder / CONFIG)


@pytest.mark.parametrize("name", ["trained", "tuned", "fitted"])
def test_what_was_written_is_written_again(name: str, tmp_path: Path) -> None:
    before = table(name)
    written = read(tmp_path, before).to_dict()
    added = {"format": 1, "validation_precision": ""}
    assert written == before | added
    # In the same order too: people compare such files.
    assert [key for key in written if key not in added] == [key for key in written if key in before]
    assert list(written["recipe"]) == list(before["recipe"])


def test_a_recipe_is_a_recipe(tmp_path: Path) -> None:
    recipe = read(tmp_path, table("trained")).recipe
    assert isinstance(recipe, Recipe)
    assert recipe.optimiser == Optimiser(rate=0.005, weight_decay=1e-4)
    assert recipe.schedule == Schedule(name="plateau", factor=0.5, patience=0)
    assert recipe.early_stopping.patience == 0
    assert read(tmp_path, table("trained")).epochs == 4


def test_a_frozen_transfer_says_how_its_head_was_fitted(tmp_path: Path) -> None:
    config = read(tmp_path, table("fitted"))
    head = HeadFit(
        kind="svm-rbf", penalty="l2", C=4.2877863291211735, folds=5, gamma=0.002976190476190476
    )
    assert config.recipe == FrozenRecipe(head=head)
    assert config.recipe.reference == REFERENCE
    assert config.epochs == 0
    # A file has the names of its first format.
    assert set(config.to_dict()["recipe"]["head"]) == {
        "kind",
        "penalty",
        "strength",
        "folds",
        "width",
    }
    changed = replace(config, recipe=FrozenRecipe(head=replace(head, C=1.0)))
    assert changed.identity != config.identity


@pytest.mark.parametrize(
    ("change", "identity"),
    [
        # Whole numbers that a caller in Python gave are told from others.
        (
            lambda recipe: recipe["loss"].update(auxiliary_weights=[0, 1]),
            "54ac449dbe98d15afdc536e497e9a50ffdce22e571a6160f7db3287d7b74a4f2",
        ),
        (
            lambda recipe: recipe["loss"].update(auxiliary_weights=[0.0, 1.0]),
            "659ab84b0902a7876192c0da88f04693aa6159a15aa28509358fd42434ed8888",
        ),
    ],
)
def test_numbers_are_kept_as_they_were_given(
    change: Callable[[dict[str, Any]], None], identity: str, tmp_path: Path
) -> None:
    before = table("trained")
    change(before["recipe"])
    config = read(tmp_path, before)
    assert config.identity == identity
    config.write(tmp_path / CONFIG)
    assert RunConfig.read(tmp_path / CONFIG).identity == identity


def test_weights_as_they_were_found_have_no_recipe(tmp_path: Path) -> None:
    before = table("trained") | {"recipe": {}}
    del before["weights"]
    config = read(tmp_path, before)
    assert config.recipe is None
    assert config.epochs == 0
    assert Run(tmp_path, config).is_finished
    assert config.to_dict()["recipe"] == {}
    assert config.identity == "919f2feca200c7677c34f40b4ba9c58ed0a87fa33ef90408c3131b73c20a134e"
    config.write(tmp_path / CONFIG)
    assert RunConfig.read(tmp_path / CONFIG) == config


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("trained", {"epochs": 0}, "recipe: epochs = 0: must be at least 1"),
        ("trained", {"epohcs": 3}, "recipe: epohcs: is not a key here; did you mean 'epochs'"),
        ("trained", {"optimiser": {"rate": "fast"}}, "recipe: optimiser: rate = 'fast': must be a"),
        ("trained", {"optimiser": {"momentum": 2.0}}, "optimiser: momentum = 2.0: must be in"),
        ("trained", {"schedule": 5}, "recipe: schedule: must be a table, not 5"),
        ("trained", {"augmentation": {"mixup": -1.0}}, "mixup = -1.0: must be a number"),
        ("fitted", {"head": {"kind": "svm"}}, "recipe: head: penalty: is missing"),
        ("fitted", {"head": 3}, "recipe: head: must be a table, not 3"),
    ],
)
def test_what_no_recipe_says(name: str, change: dict[str, Any], said: str, tmp_path: Path) -> None:
    before = table(name)
    before["recipe"] |= change
    with pytest.raises(RunError, match=rf"run\.toml: is damaged \(.*{said}"):
        read(tmp_path, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strength": -1.0}, "head: strength = -1.0: must be at least 0"),
        ({"kind": "knn"}, "head: kind = 'knn': is unknown"),
        ({"penalty": "l3"}, "head: penalty = 'l3': is unknown"),
        ({"folds": 2.5}, "head: folds = 2.5: must be a whole number"),
        ({"width": "wide"}, "head: width = 'wide': must be a number"),
        ({"strenght": 1.0}, "head: strenght: is not a key here"),
    ],
)
def test_what_no_head_was_fitted_with(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    before = table("fitted")
    before["recipe"]["head"] |= change
    with pytest.raises(RunError, match=rf"run\.toml: is damaged \(it: recipe: {said}"):
        read(tmp_path, before)


@pytest.mark.parametrize("value", [5, "modern", []])
def test_a_recipe_that_is_no_table(value: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is damaged \(it: recipe: must be a table"):
        read(tmp_path, table("trained") | {"recipe": value})
    before = table("trained")
    del before["recipe"]
    with pytest.raises(RunError, match=r"is damaged \(it: recipe: is missing"):
        read(tmp_path, before)


def test_how_a_run_was_made_stands_among_its_decisions(tmp_path: Path) -> None:
    before = table("trained")
    config = read(tmp_path, before)
    assert config.provenance == Provenance(
        workers=0,
        command="make.py",
        started="2026-11-27T00:18:02+00:00",
        versions=before["versions"],
    )
    assert replace(config, provenance=Provenance()).identity == config.identity
    for key in ("workers", "command", "started", "versions"):
        del before[key]
    assert read(tmp_path, before).provenance == Provenance()
    for change, said in (
        ({"workers": -1}, r"it: workers = -1: must be at least 0"),
        ({"versions": {"torch": 3}}, r"it: versions: torch = 3: must be a string"),
    ):
        with pytest.raises(RunError, match=said):
            read(tmp_path, before | change)
    with pytest.raises(RunError, match=r"run\.toml: has an unknown key 'provenance'"):
        read(tmp_path, before | {"provenance": {}})
    with pytest.raises(RunError, match=r"unknown key 'comand'; did you mean 'command'"):
        read(tmp_path, before | {"comand": "x"})
