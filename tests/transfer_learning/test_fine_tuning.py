"""What trains beyond the head, what does not, and what happens when it is cut."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import striate
from striate.errors import Interrupted, RunError, StriateError
from striate.hub.heads import make_head
from striate.hub.surgery import Headless, Transferred
from striate.recipes.recipe import Optimiser, Recipe
from striate.report.build import write_report
from striate.runs.layout import STATE, WEIGHTS
from striate.runs.run import Run
from striate.support.files import FULL, WriteError
from striate.training import loop
from striate.training.callbacks.base import Callback
from striate.training.freezing import SLOWER, Freezing, check_unfreezing, stages_of
from striate.training.optimisers import make_optimiser
from striate.transfer_learning import transfer as module
from striate.transfer_learning.fine_tuning import decay_of, recipe_of
from striate.transfer_learning.finish import finish_transfer
from striate.transfer_learning.heads.fit import fit_head
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.result import TransferResult
from striate.transfer_learning.transfer import transfer
from striate.zoo.create import create

from .test_transfer import make_source

SHAPE = (3, 32, 32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources") / "source")


def carry(photographs: Path, source: Path, out: Path, **choices: Any) -> TransferResult:
    given: dict[str, Any] = {"data": str(photographs), "backbone": source, "workers": 1}
    given |= {"engine": "torch float32", "out": out, "epochs": 2, "cache": source.parent / "cache"}
    return finish_transfer(
        transfer(TransferOptions(**(given | choices))),
        write_report=write_report,
        export=False,
        workers=1,
    )


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
    assert any("conv" in name and "weight" in name for name in moved)
    assert any("bn" in name and "weight" in name for name in moved)
    assert not any("running" in name for name in moved)
    assert not moved & frozen


def _payload(path: Path, folder: Path) -> Path:
    """The part of a checkpoint that torch reads."""
    plain = folder / "plain.pt"
    plain.write_bytes(path.read_bytes()[40:])
    return plain


def settled() -> Transferred:
    """A network whose statistics are those of other images, as any trained one's are."""
    torch.manual_seed(0)
    network = small()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.5)
            norm.running_var.uniform_(0.5, 2)
    return network


def test_training_begins_with_what_the_head_was_fitted_to() -> None:
    network = settled()
    freezing = Freezing(stages=stages_of(network, SHAPE), frozen=1)
    images = torch.rand(8, *SHAPE)
    wanted = network.eval()(images)
    network.train()
    # The trap: with the statistics of each batch the head sees embeddings that it does not know.
    assert not torch.allclose(network(images), wanted, atol=0.1)
    network = settled()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    freezing.apply(network, 0)
    assert torch.equal(network(images), wanted)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    norms = [n for n, m in network.named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert any(f"{name}.weight" in trained for name in norms)


def test_a_single_image_of_one_position_trains() -> None:
    network = small()
    network.train()
    Freezing(stages=stages_of(network, SHAPE), frozen=0).apply(network, 0)
    network(torch.rand(1, 3, 4, 4)).sum().backward()


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_rests_where_it_was_fitted(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(90) % classes
    rows = (random.normal(size=(90, 12)) + labels[:, None] * 0.7).astype(np.float32)
    fitted = fit_head("softmax", rows, labels, [str(i) for i in range(classes)])
    decay = decay_of(fitted, len(rows), rate=1e-4)
    assert decay is not None
    head = fitted.head.double()
    weight = head.linear.weight
    loss = F.cross_entropy(head(torch.from_numpy(rows).double()), torch.from_numpy(labels))
    (slope,) = torch.autograd.grad(loss, weight)
    pull = decay * weight.detach()
    assert (slope + pull).norm() < 0.02 * pull.norm()
    optimiser = make_optimiser(
        network := small(),
        Optimiser(weight_decay=1e-4, rate=0.1),
        (freezing := Freezing(stages=stages_of(network, SHAPE), frozen=0, decay=decay)).factors(
            network
        ),
        freezing.decays(),
    )
    held = [g for g in optimiser.param_groups if g["weight_decay"] == decay]
    assert [g["params"] for g in held] == [[network.head.linear.weight]]
    assert held[0]["factor"] == 1.0
    count = sum(len(g["params"]) for g in optimiser.param_groups)
    assert count == len(list(network.parameters()))
    # A hold so strong that a step would overshoot is loosened, and of others nothing is known.
    assert decay_of(fitted, 1, rate=1e6) == pytest.approx(1e-7)
    assert decay_of(replace(fitted, penalty="l1"), 90, rate=0.1) is None


def test_stages_unfreeze_from_above_at_smaller_rates() -> None:
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
    stages = len(stages_of(small(), SHAPE))
    choices: dict[str, Any] = {"freeze": str(stages - 2), "unfreeze_every": 1, "epochs": 3}
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


def test_what_made_it_worse_is_not_kept(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wild(*given: Any) -> Recipe:
        recipe = recipe_of(*given)
        return replace(recipe, optimiser=replace(recipe.optimiser, rate=10.0))

    monkeypatch.setattr(module, "recipe_of", wild)
    begun: list[bytes] = []
    start = loop.Training.start_from_here

    def began(training: loop.Training) -> None:
        start(training)
        begun.append((tmp_path / "run" / WEIGHTS).read_bytes())

    monkeypatch.setattr(loop.Training, "start_from_here", began)
    notes: list[str] = []

    class Listening(Callback):
        def on_note(self, text: str) -> None:
            notes.append(text)

    options = TransferOptions(
        data=str(photographs),
        backbone=source,
        workers=1,
        engine="torch float32",
        out=tmp_path / "run",
        cache=source.parent / "cache",
        epochs=1,
        freeze="3",
        callbacks=[Listening()],
    )
    result = finish_transfer(transfer(options), write_report=write_report, export=False, workers=1)
    run = Run.open(tmp_path / "run")
    assert (run.path / WEIGHTS).read_bytes() == begun[0]
    assert run.weights_epoch == 0
    first, last = run.metrics
    assert (first["epoch"], first["step"]) == (0, 0)
    assert first["validation"]["top1"] == result.top1
    assert first["health"]  # of its first update
    assert last["validation"]["loss"] > 2 * first["validation"]["loss"]
    assert any(f"the fitted head alone: top-1 {100 * result.top1:.2f} %" in note for note in notes)
    page = result.report.read_text(encoding="utf-8")
    assert "The fitted head alone classified" in page
    assert "before training" in page


def test_killed_while_the_start_is_judged(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices: dict[str, Any] = {"freeze": "2", "epochs": 1}
    whole = carry(photographs, source, tmp_path / "whole", **choices)

    def stop(_training: loop.Training) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "validate", stop)
        with pytest.raises(Interrupted, match="run the same command again"):
            carry(photographs, source, tmp_path / "cut", **choices)
    # What was said is true: there is no run yet, hence the same command makes it.
    carry(photographs, source, tmp_path / "cut", **choices)
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (whole.run / WEIGHTS).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "run", stop)
        with pytest.raises(Interrupted, match=r"go on with: striate train .* --resume"):
            carry(photographs, source, tmp_path / "later", **choices)
    again = striate.train(tmp_path / "later", resume=True, workers=1)
    assert again is not None
    assert (tmp_path / "later" / WEIGHTS).read_bytes() == (whole.run / WEIGHTS).read_bytes()
    assert f"striate export {tmp_path / 'later'}" in again.summary()
    # Without its weights a run would go on from chance.
    for name in (STATE, WEIGHTS):
        (tmp_path / "later" / name).unlink()
    with pytest.raises(RunError, match="nothing else holds its fitted head"):
        striate.train(tmp_path / "later", resume=True, workers=1)


def test_a_full_disk(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise WriteError("somewhere", FULL, "free some space")

    monkeypatch.setattr(module, "write_weights", full)
    with pytest.raises(RunError, match="free some space, then run the same command again"):
        carry(photographs, source, tmp_path / "run", epochs=None)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"head": "svm"}, "take `head='softmax'`, or `freeze='all'`"),
        ({"head": "svm-rbf"}, "take `head='softmax'`, or `freeze='all'`"),
        ({"unfreeze_every": -1}, "`unfreeze_every=-1`: must be at least 0"),
        ({"epochs": 0}, "`epochs=0`: must be at least 1"),
        ({"unfreeze_every": 1}, r"leaves the first \d of \d+ stages frozen to the end of 2 epochs"),
        ({"unfreeze_every": 1, "freeze": "2"}, r"though `freeze='2'` lets \d+ train"),
    ],
)
def test_what_training_on_cannot_mean(
    choices: dict[str, Any], said: str, photographs: Path, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(StriateError, match=said):
        carry(photographs, source, tmp_path / "run", **({"freeze": "none"} | choices))
    assert not (tmp_path / "run").exists()


def test_the_remedy_against_slow_unfreezing_is_enough() -> None:
    with pytest.raises(StriateError, match="`epochs=7` or more, or `freeze=1`"):
        check_unfreezing("none", 2, stages=3, epochs=5)
    check_unfreezing("none", 2, stages=3, epochs=7)
    check_unfreezing("1", 2, stages=3, epochs=5)


def test_several_processes_are_refused(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StriateError, match="start it without torchrun"):
        carry(photographs, source, tmp_path / "run")


def test_a_frozen_run_has_nothing_to_go_on_with(
    photographs: Path, source: Path, tmp_path: Path
) -> None:
    carry(photographs, source, tmp_path / "run", epochs=None)
    with pytest.raises(RunError, match="nothing in it is left to train"):
        striate.train(tmp_path / "run", resume=True)
    shutil.rmtree(tmp_path / "run")
