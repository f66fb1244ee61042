"""What ``run.toml`` says, as typed parts: old runs read as they were written, damage is located."""

from __future__ import annotations

import os
import tarfile
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import RunError
from striate.recipes.frozen import REFERENCE, FrozenRecipe, HeadFit
from striate.recipes.recipe import Optimiser, Recipe, Schedule
from striate.recipes.sizes import Sizes
from striate.runs.config import FORMAT, RunConfig, escaped, unescaped
from striate.runs.layout import CONFIG
from striate.runs.origins import Provenance
from striate.runs.run import Run
from striate.runs.targets import ScaledTarget
from striate.support.tables import plain

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
    added = {"format": FORMAT, "targets": [], "validation_precision": "", "working_copies": 0}
    added_to = {"passes": 1.0, "sizes": plain(Sizes()), "select": "top1"}
    recipe = {} if name == "fitted" else added_to
    wanted = before | added | {"recipe": before["recipe"] | recipe}
    if name == "fitted":
        wanted["recipe"]["head"] = before["recipe"]["head"] | {"class_weights": "none"}
    else:
        wanted["recipe"]["loss"] = before["recipe"]["loss"] | {"huber_delta": 1.0}
    wanted["data"] = before["data"] | {"label": ""}
    assert written == wanted
    # In the same order too: people compare such files.
    assert [key for key in written if key not in added] == [key for key in written if key in before]
    assert [key for key in written["recipe"] if key not in recipe] == list(before["recipe"])


AGE = ScaledTarget(name="<b>age", unit="years", mean=31.0, deviation=12.5, low=1.0, high=90.0)


def test_a_run_of_numbers_keeps_what_they_are(config: RunConfig, tmp_path: Path) -> None:
    twins = (AGE, replace(AGE, name="玫瑰", unit=""))
    numbers = replace(config, classes=(), targets=twins)
    numbers.write(tmp_path / CONFIG)
    again = RunConfig.read(tmp_path / CONFIG)
    assert (again.targets, again.classes, again.outputs) == (twins, (), ("<b>age", "玫瑰"))
    assert again.identity == numbers.identity != config.identity
    assert replace(numbers, targets=(AGE,)).identity != numbers.identity
    assert Run.open(tmp_path).answers_numbers


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"classes": ["a", "b"]}, "both classes and targets"),
        ({"targets": [plain(AGE), plain(AGE)]}, "no names of their own"),
        ({"targets": [plain(AGE) | {"deviation": 0.0}]}, "deviation"),
        ({"targets": [plain(AGE) | {"mean": float("nan")}]}, "finite"),
        ({"targets": []}, "fewer than two classes"),
    ],
)
def test_damaged_targets_are_refused(
    config: RunConfig, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    numbers = replace(config, classes=(), targets=(AGE,)).to_dict()
    with pytest.raises(RunError, match=why):
        read(tmp_path, numbers | change)


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
        "class_weights",
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


def test_identity_ignores_what_cannot_change_the_result(config: RunConfig) -> None:
    made = Provenance(command="striate train", workers=4, started="now", versions={"torch": "3"})
    same = replace(config, provenance=made)
    moved = replace(same, data=replace(same.data, origin="/elsewhere"))
    assert moved.identity == config.identity
    assert replace(config, seed=4).identity != config.identity
    assert replace(config, threads=2).identity != config.identity


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("seed = ", "cannot be read as TOML"),
        ("sead = 3", "unknown key 'sead'; did you mean 'seed'"),
        ("seed = 3", "is damaged"),
        ("seed = " + "9" * 5000, "cannot be read as TOML"),
    ],
)
def test_damaged_configuration(run: Run, content: str, why: str) -> None:
    (run.path / CONFIG).write_text(content)
    with pytest.raises(RunError, match=why):
        Run.open(run.path)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        ("threads = 1", 'threads = "two"'),
        ("threads = 1", "threads = 0"),
        ("threads = 1", "threads = true"),
        ("threads = 1", "threads = 1000000000"),
        ("threads = 1", "threads = 9223372036854775808"),
        ("world = 1", "world = 0"),
        ("world = 1", "world = 1000001"),
        ("workers = 0", "workers = -1"),
        ("workers = 0", "workers = 1000001"),
        ("seed = 3", "seed = -1"),
        ("seed = 3", "seed = 9223372036854775808"),
        ("in_channels = 1", "in_channels = 3"),
        ("in_channels = 1", "in_channels = 1000000000"),
        ("height = 32", "height = 60000"),
        ("width = 32", "width = 1000000000"),
        ("resize = 32", "resize = 8193"),
        ("train_images = 10", "train_images = -1"),
        ("train_images = 10", "train_images = 10000000000000"),
        ('precision = "float32"', 'precision = "float8"'),
        ("val_fraction = 0.2", "val_fraction = 1.0"),
        ("val_fraction = 0.2", 'val_fraction = "x"'),
        ("val_fraction = 0.2", "val_fraction = nan"),
        ('origin = "digits"', "origin = 3"),
        ('origin = "digits"', "origins = 3"),
        ("train_images = 10", "train_images = 1.5"),
        ('device = "cpu"', 'device = ["cpu"]'),
        ("resize = 32", 'resize = "wide"'),
        ("resize = 32", "resize = 16"),
        ('network = "lenet"', "network = 5"),
    ],
)
def test_values_of_the_wrong_kind(run: Run, whole: str, damaged: str) -> None:
    path = run.path / CONFIG
    text = path.read_text(encoding="utf-8")
    assert whole in text
    path.write_text(text.replace(whole, damaged, 1), encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.toml: is damaged"):
        Run.open(run.path)


@settings(deadline=None)  # a busy machine is no defect
@given(st.text(st.characters(exclude_characters="\0"), max_size=12))
def test_any_path_can_be_written_and_read_back(path: str) -> None:
    safe = escaped(path)
    safe.encode("utf-8")
    assert unescaped(safe) == path
    assert safe == path or "\0" in safe


def test_names_that_are_not_utf8(tmp_path: Path, config: RunConfig) -> None:
    origin = os.fsdecode(b"/photos/caf\xe9/\xffd800")
    odd = replace(
        config,
        data=replace(config.data, origin=origin),
        provenance=Provenance(command=f"train {origin}"),
    )
    odd.write(tmp_path / CONFIG)
    read = RunConfig.read(tmp_path / CONFIG)
    assert read.data.origin == origin
    assert read.identity == odd.identity
    assert read.provenance.command.isprintable()


def test_a_newer_format_is_refused_by_its_number(run: Run, config: RunConfig) -> None:
    path = run.path / CONFIG
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"format = {FORMAT}\n")
    newer = text.replace(f"format = {FORMAT}", f"format = {FORMAT + 1}") + "\n[later]\nkey = 1\n"
    path.write_text(newer, encoding="utf-8")
    said = rf"newer Striate \(format {FORMAT + 1}; this one reads up to {FORMAT}\); update Striate"
    with pytest.raises(RunError, match=said):
        Run.open(run.path)
    for wrong in ("-1", "true", '"1"', "1.0"):
        path.write_text(text.replace(f"format = {FORMAT}", f"format = {wrong}"), encoding="utf-8")
        with pytest.raises(RunError, match="its format is no number"):
            Run.open(run.path)
    # What has no format was made before there was one.
    path.write_text("\ufeff" + text.replace(f"format = {FORMAT}\n", ""), encoding="utf-8")
    assert Run.open(run.path).config == config


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"head": {"kind": "softmax", "features": 10**9, "classes": 3}}, "features is not between"),
        ({"head": {"kind": "softmax", "features": "9", "classes": 3}}, "features is not between"),
        ({"head": {"kind": "softmax", "features": 10**6, "classes": 10**6}}, "is too large"),
        ({"freeze": "２"}, "is no number of stages"),
        ({"views": 0}, "views = 0: must be at least 1"),
        ({"unfreeze_every": -1}, "unfreeze_every = -1: must be at least 0"),
        ({"decay": -1.0}, "decay = -1.0: must be at least 0"),
        ({"spec": 3}, "spec = 3: must be a string"),
    ],
)
def test_what_no_transfer_can_be(run: Run, changes: dict[str, object], why: str) -> None:
    table: dict[str, object] = {
        "spec": "lenet",
        "options": {},
        "classifier": "fc3",
        "weights": "0",
        "origin": "here",
        "freeze": "all",
        "unfreeze_every": 0,
        "views": 1,
        "head": {"kind": "softmax", "features": 84, "classes": 3},
    }
    plain = {**run.config.to_dict(), "transfer": table}
    (run.path / CONFIG).write_bytes(tomli_w.dumps(plain).encode())
    assert Run.open(run.path).config.transfer is not None
    plain["transfer"] = {**table, **changes}
    (run.path / CONFIG).write_bytes(tomli_w.dumps(plain).encode())
    with pytest.raises(RunError, match=rf"run\.toml: is damaged \(.*{why}"):
        Run.open(run.path)
