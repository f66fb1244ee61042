from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from striate.data.preprocessing import Preprocessing
from striate.errors import RunError
from striate.runs.config import DataOrigin, RunConfig
from striate.runs.run import CONFIG, WEIGHTS, Run
from striate.runs.weights import digest, read_weights, write_weights
from striate.zoo.create import create

CLASSES = ("<b>rosé's</b>", '"tulip"', "玫瑰")


def config() -> RunConfig:
    return RunConfig(
        network="lenet",
        classes=CLASSES,
        in_channels=1,
        preprocessing=Preprocessing(
            resize=32, height=32, width=32, channels=1, mean=(0.5,), std=(0.25,)
        ),
        recipe={"name": "modern", "optimiser": {"rate": 0.1}},
        data=DataOrigin(
            origin="digits",
            fingerprint="f" * 64,
            val_fraction=0.2,
            train_images=10,
            val_images=5,
            test_images=0,
            held_out="split",
        ),
        seed=3,
        precision="float32",
        device="cpu",
        threads=1,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    decided = config()
    decided.write(tmp_path / CONFIG)
    torch.manual_seed(0)
    network = create("lenet", classes=3)
    weights = network.state_dict()
    write_weights(tmp_path / WEIGHTS, weights, identity=decided.identity, epoch=7)
    return Run.open(tmp_path)


def test_round_trip(run: Run) -> None:
    assert run.config == config()
    assert run.classes == CLASSES
    assert run.weights_epoch == 7
    torch.manual_seed(0)
    fresh = create("lenet", classes=3).eval()
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(run.network()(images), fresh(images))


def test_identity_ignores_what_cannot_change_the_result() -> None:
    same = replace(config(), command="striate train", workers=4, started="now")
    moved = replace(same, data=replace(same.data, origin="/elsewhere"))
    assert moved.identity == config().identity
    assert replace(config(), seed=4).identity != config().identity
    assert replace(config(), threads=2).identity != config().identity


def test_weights_file_has_no_room_for_chance(tmp_path: Path) -> None:
    weights = {name: torch.arange(6.0).reshape(2, 3) for name in ("b", "a")}
    for name in ("1", "2"):
        write_weights(tmp_path / name, weights, identity="i", epoch=1)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    read, stamp = read_weights(tmp_path / "1")
    assert stamp.digest == digest(read) == digest(weights)


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


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("seed = ", "is damaged"),
        ("sead = 3", "unknown key 'sead'; did you mean 'seed'"),
        ("seed = 3", "is damaged"),
    ],
)
def test_damaged_configuration(run: Run, content: str, why: str) -> None:
    (run.path / CONFIG).write_text(content)
    with pytest.raises(RunError, match=why):
        Run.open(run.path)


def test_not_a_run(run: Run) -> None:
    run.path.joinpath("photo.jpg").write_text("")
    with pytest.raises(RunError, match="is a file, not a run's folder"):
        Run.open(run.path / "photo.jpg")
    with pytest.raises(RunError, match="there is no such run"):
        Run.open(run.path / "nowhere")
    (run.path / "empty").mkdir()
    with pytest.raises(RunError, match="is not a run"):
        Run.open(run.path / "empty")
