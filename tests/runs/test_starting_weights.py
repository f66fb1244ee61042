"""A run's folder gives its weights to another network, with what they were trained for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import striate
from striate.errors import WeightsError
from striate.runs.config import RunConfig
from striate.runs.layout import CONFIG
from striate.runs.run import Run
from striate.runs.starting_weights import find_weights, is_run
from striate.runs.weights import read_weights, write_weights
from striate.transfer_learning.backbone import open_backbone


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One with classes and a pre-processing that nobody would guess."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    made = striate.create_run("resnet20", folder, classes=3, seed=4, variant={"shortcut": "B"})
    prepared = replace(made.preprocessing, mean=(0.1, 0.2, 0.3), interpolation="bicubic")
    config = replace(made.config, classes=("a", "b", "c"), preprocessing=prepared)
    config.write(folder / CONFIG)
    weights, _ = read_weights(folder / "model.safetensors")
    write_weights(folder / "model.safetensors", weights, identity=config.identity, epoch=1)
    return Run.open(folder)


def test_a_run_s_folder_is_a_source_of_weights(run: Run, tmp_path: Path) -> None:
    made = striate.create_run(
        "resnet20", tmp_path / "second", weights=run.path, variant={"shortcut": "B"}
    )
    assert (made.classes, made.preprocessing) == (run.classes, run.preprocessing)
    assert made.config.weights is not None
    assert made.config.weights.name == f"the run {run.path}"
    assert made.config.weights.source == str(run.path)
    theirs, ours = run.network().state_dict(), made.network().state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    network = striate.create("resnet20", 7, weights=run.path, shortcut="B")
    assert torch.equal(network.state_dict()["conv1.weight"], theirs["conv1.weight"])
    assert network.state_dict()["fc.weight"].shape[0] == 7


def test_a_file_of_the_same_says_nothing_of_classes(run: Run) -> None:
    found = find_weights("resnet20", run.path / "model.safetensors", shortcut="B")
    assert (found.preprocessing, found.classes) == (None, None)


def test_a_run_s_choices_and_network_are_held_against_what_is_made(run: Run) -> None:
    with pytest.raises(WeightsError, match="run with resnet20 and shortcut=B, not shortcut=A"):
        striate.create("resnet20", weights=run.path)
    with pytest.raises(WeightsError, match="run with resnet20, another network than plain20"):
        striate.create("plain20", weights=run.path)


def test_what_is_a_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_run(run.path)
    assert is_run(str(run.path))
    assert not any(
        map(is_run, ("timm", run.path / "model.safetensors", tmp_path, "no/such", "x" * 5000))
    )
    # A folder that is called as a library is not the library.
    (tmp_path / "timm").symlink_to(run.path)
    monkeypatch.chdir(tmp_path)
    assert not is_run("timm")
    assert is_run("./timm")


def test_a_backbone_takes_them_at_their_word(tmp_path: Path) -> None:
    made = striate.create_run("resnet20", tmp_path / "run", classes=3)
    found = open_backbone("resnet20", made.path)
    assert (found.preprocessing, found.classes) == (made.preprocessing, made.classes)
    assert found.origin == f"the run {made.path}"
    assert RunConfig.read(made.path / CONFIG).identity == made.config.identity
