"""What trains beyond the head, what does not, and what happens when it is cut."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import striate
from striate.errors import Interrupted, RunError
from striate.measuring import finish_transfer
from striate.runs.run import STATE, WEIGHTS, Run
from striate.training import loop
from striate.training.freezing import SLOWER, Freezing, stages_of
from striate.transferring.options import TransferOptions
from striate.transferring.result import TransferResult
from striate.transferring.transfer import transfer
from striate.zoo.create import create
from striate.zoo.heads import make_head
from striate.zoo.transferred import Headless, Transferred

from .test_transfer import make_source

SHAPE = (3, 32, 32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources") / "source")


def carry(photographs: Path, source: Path, out: Path, **choices: Any) -> TransferResult:
    given: dict[str, Any] = {"data": str(photographs), "backbone": source, "workers": 1}
    given |= {"engine": "torch float32", "out": out, "epochs": 2}
    return finish_transfer(transfer(TransferOptions(**(given | choices))), export=False, workers=1)


def small() -> Transferred:
    head = make_head("softmax", features=64, classes=3)
    return Transferred(Headless(create("resnet20"), "fc"), head)


def test_frozen_stages_stay_what_they_were(photographs: Path, source: Path, tmp_path: Path) -> None:
    result = carry(photographs, source, tmp_path / "run", freeze="2")
    before = load_file(source / WEIGHTS)
    state = torch.load(_payload(result.run / STATE, tmp_path), weights_only=True)["network"]
    stages = stages_of(small(), SHAPE)
    frozen = {
        name.removeprefix("backbone.network.")
        for name in state
        if any(stage.holds(name) for stage in stages[:2])
    }
    assert any("running_mean" in name for name in frozen)
    for name in frozen:
        assert torch.equal(state[f"backbone.network.{name}"], before[name]), name
    moved = {
        name
        for name, value in before.items()
        if f"backbone.network.{name}" in state
        and not torch.equal(state[f"backbone.network.{name}"], value)
    }
    assert any("running_mean" in name for name in moved)
    assert any("conv" in name and "weight" in name for name in moved)
    assert not moved & frozen


def _payload(path: Path, folder: Path) -> Path:
    """The part of a checkpoint that torch reads."""
    plain = folder / "plain.pt"
    plain.write_bytes(path.read_bytes()[40:])
    return plain


def test_without_freezing_the_statistics_would_move() -> None:
    network = small()
    freezing = Freezing(stages=stages_of(network, SHAPE), frozen=1)
    held = network.backbone.network.get_submodule(
        freezing.stages[0].modules[-1].removeprefix("backbone.network.")
    )
    norm = next(m for m in held.modules() if isinstance(m, torch.nn.BatchNorm2d))
    before = norm.running_mean.clone()
    images = torch.rand(4, *SHAPE)
    network.train()
    freezing.apply(network, 0)
    network(images)
    assert torch.equal(norm.running_mean, before)
    network.train()  # the trap: no weight trains, and yet the stage changes
    network(images)
    assert not torch.equal(norm.running_mean, before)


def test_stages_thaw_from_above_at_smaller_rates() -> None:
    network = small()
    stages = stages_of(network, SHAPE)
    freezing = Freezing(stages=stages, frozen=1, every=2)
    count = len(stages)
    assert [freezing.resting(epoch) for epoch in (0, 1, 2, 3, 4)] == [
        count,
        count,
        count - 1,
        count - 1,
        count - 2,
    ]
    assert freezing.resting(100) == 1
    factors = freezing.factors(network)
    assert factors["head.linear.weight"] == 1.0
    assert not any(stages[0].holds(name) for name in factors)
    top = next(factor for name, factor in factors.items() if stages[-1].holds(name))
    low = next(factor for name, factor in factors.items() if stages[1].holds(name))
    assert top == pytest.approx(SLOWER)
    assert low == pytest.approx(SLOWER ** (count - 1))
    network.train()
    freezing.apply(network, 0)
    assert {name for name, p in network.named_parameters() if p.requires_grad} == {
        "head.linear.weight",
        "head.linear.bias",
    }


def test_a_cut_run_ends_in_the_same_bits(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices: dict[str, Any] = {"freeze": "none", "unfreeze_every": 1, "epochs": 3}
    whole = carry(photographs, source, tmp_path / "whole", **choices)
    finish = loop.Training._finish_epoch

    def stop(training: loop.Training) -> None:
        finish(training)
        raise training._interrupted()

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_finish_epoch", stop)
        with pytest.raises(Interrupted, match="go on with"):
            carry(photographs, source, tmp_path / "cut", **choices)
    resumed = striate.train(tmp_path / "cut", resume=True, workers=1)
    assert resumed is not None
    assert resumed.epochs == 3
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (whole.run / WEIGHTS).read_bytes()
    # Killed before its first checkpoint of an epoch, a run goes on from the fitted head.
    with monkeypatch.context() as patch:

        def cut(training: loop.Training, _stop: object) -> None:
            raise training._interrupted()

        patch.setattr(loop.Training, "_train_epoch", cut)
        with pytest.raises(Interrupted):
            carry(photographs, source, tmp_path / "early", **choices)
    assert Run.open(tmp_path / "early").weights_epoch == 0
    striate.train(tmp_path / "early", resume=True, workers=1)
    assert (tmp_path / "early" / WEIGHTS).read_bytes() == (whole.run / WEIGHTS).read_bytes()


def test_a_frozen_run_has_nothing_to_go_on_with(
    photographs: Path, source: Path, tmp_path: Path
) -> None:
    carry(photographs, source, tmp_path / "run", epochs=None)
    with pytest.raises(RunError, match="nothing in it is left to train"):
        striate.train(tmp_path / "run", resume=True)
    shutil.rmtree(tmp_path / "run")
