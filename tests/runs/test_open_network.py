"""Whatever a person names becomes a network: a name, a file, a module, a run's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import striate
from striate.data.preprocessing import Preprocessing
from striate.errors import NetworkError, RunError
from striate.runs.config import RunConfig
from striate.runs.open_network import open_network
from striate.runs.origins import DataOrigin
from striate.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    origin = DataOrigin(
        origin="x", fingerprint="0" * 64, val_fraction=0.2, train_images=1, val_images=1,
        test_images=0, held_out="split",
    )  # fmt: skip
    RunConfig(
        network="resnet20", classes=("cat", "dog"), in_channels=1, recipe=None, data=origin, seed=0,
        preprocessing=Preprocessing(
            resize=24, height=24, width=20, channels=1, mean=(0.5,), std=(0.5,)
        ),
        precision="float32", device="cpu", threads=1, variant={"shortcut": "B"},
    ).write(folder / "run.toml")  # fmt: skip
    return folder


def test_a_run_is_opened_by_its_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Run.open(run).config.network == "resnet20"
    found = open_network(run)
    assert (found.source, found.input, found.name) == ("run", (1, 24, 20), "resnet20 of small")
    assert all(each.is_meta for each in found.network.parameters())
    assert striate.table(str(run)).rows[-1].output == (2,)
    monkeypatch.chdir(run.parent)
    assert open_network("small", size=32).input == (1, 32, 32)
    with pytest.raises(RunError, match="there is no such run"):
        open_network("./smal")
    (run.parent / "lenet").mkdir()
    assert open_network("lenet").source == "catalogue"
    with pytest.raises(RunError, match="is not a run"):
        open_network("./lenet")


def test_a_module_is_itself_without_what_wraps_it() -> None:
    plain = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU())
    found = open_network(nn.DataParallel(plain), size=(16, 24))
    assert found.network is plain
    assert (found.name, found.source, found.inputs) == ("Sequential", "module", ((2, 16, 24),))
    with pytest.raises(NetworkError, match=r"network int: is no network; give a torch.nn.Module"):
        open_network(7)  # type: ignore[arg-type]


def test_first_weights_are_the_same_every_time_and_nobody_else_s_numbers() -> None:
    before = torch.get_rng_state()
    first, second = (open_network("resnet20", device="cpu").network for _ in range(2))
    assert all(
        torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items()
    )
    assert torch.equal(torch.get_rng_state(), before)
