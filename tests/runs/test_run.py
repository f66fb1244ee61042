"""A run opened for use, and what is said of one that is damaged."""

from __future__ import annotations

import os

import pytest
import torch

from striate.errors import RunError
from striate.runs.config import RunConfig
from striate.runs.layout import CONFIG, EVALUATION, METRICS, TIMING, WEIGHTS
from striate.runs.run import Run
from striate.zoo.create import create


def test_round_trip(run: Run, config: RunConfig) -> None:
    assert run.config == config
    assert run.classes == config.classes
    assert run.weights_epoch == 7
    torch.manual_seed(0)
    fresh = create("lenet", classes=3).eval()
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(run.network()(images), fresh(images))


@pytest.mark.parametrize("position", [-1, -100, 700])
def test_altered_weights(run: Run, position: int) -> None:
    path = run.path / WEIGHTS
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.safetensors: (was altered|is damaged|does not)"):
        run.network()


def test_truncated_weights(run: Run) -> None:
    path = run.path / WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunError, match=r"model\.safetensors: is damaged"):
        run.network()


def test_missing_weights(run: Run) -> None:
    (run.path / WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: is missing.*--resume"):
        run.network()


def test_altered_configuration(run: Run) -> None:
    path = run.path / CONFIG
    path.write_text(path.read_text(encoding="utf-8").replace("seed = 3", "seed = 4"), "utf-8")
    with pytest.raises(RunError, match=r"does not belong to the run\.toml beside it"):
        Run.open(run.path).network()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", [METRICS, TIMING, EVALUATION, WEIGHTS, CONFIG])
def test_nothing_waits_for_a_pipe(run: Run, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    os.mkfifo(run.path / name)
    with pytest.raises(RunError, match=rf"{name}: is a named pipe|is not a run"):
        _ = Run.open(run.path).metrics, run.timing, run.evaluation, run.network()


def test_not_a_run(run: Run) -> None:
    run.path.joinpath("photo.jpg").write_text("")
    with pytest.raises(RunError, match="is a file, not a run's folder"):
        Run.open(run.path / "photo.jpg")
    with pytest.raises(RunError, match="there is no such run"):
        Run.open(run.path / "nowhere")
    (run.path / "empty").mkdir()
    with pytest.raises(RunError, match="is not a run"):
        Run.open(run.path / "empty")
