"""A range test is steps of the training itself, on a copy of the network, and changes nothing."""

from __future__ import annotations

import copy
import io
import shutil
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
import torch

import striate
from striate.errors import Interrupted, StriateError
from striate.recipes.recipe import Recipe
from striate.recipes.settings import set_in
from striate.runs import layout as names
from striate.runs.rate_test import RateTest, read_rate_test
from striate.runs.run import Run
from striate.training import range_test
from striate.training.distributed import Group
from striate.training.options import TrainOptions
from striate.training.plan import Planned, plan

GIVEN: dict[str, Any] = {"net": "resnet20", "size": 16, "workers": 0, "precision": "float32"}
GIVEN |= {"batch_size": 6, "epochs": 1}
#: Fewer than a person's test has, and as wide.
RATES = tuple(10 ** (step / 2 - 5) for step in range(13))


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_test, "rates", lambda: RATES)


def planned(data: Path, out: Path, **options: Any) -> Planned:
    found = plan(TrainOptions(data, out=out, **{**GIVEN, **options}), group=Group())
    assert found.held is not None
    found.held.release()
    return found


def recipe_of(run: Run) -> Recipe:
    assert isinstance(run.config.recipe, Recipe)
    return run.config.recipe


def test_the_losses_are_those_of_plain_steps(photographs: Path, tmp_path: Path) -> None:
    setup = planned(photographs, tmp_path / "run", lr=0.1).training.setup
    before = copy.deepcopy(setup.network.state_dict())
    found = range_test.range_test(setup)
    for name, value in setup.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert range_test.range_test(setup) == found

    # By hand: the batches of the training in their order, its loss, and torch's SGD.
    network, spec = copy.deepcopy(setup.network).train(), setup.recipe.optimiser
    decayed = [p for p in network.parameters() if p.ndim > 1]
    groups = [
        {"params": decayed, "weight_decay": spec.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1]},
    ]
    optimiser = torch.optim.SGD(groups, lr=1.0, momentum=spec.momentum, nesterov=spec.nesterov)
    cross_entropy = torch.nn.CrossEntropyLoss(label_smoothing=setup.recipe.loss.label_smoothing)
    losses = []
    batches = setup.train.batches(0, stop=len(found.rates))
    for rate, batch in zip(found.rates, batches, strict=True):
        loss = cross_entropy(network(batch.inputs(torch.device("cpu"))), batch.labels)
        losses.append(float(loss.detach()))
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    assert found.losses == pytest.approx(losses, rel=1e-3)
    assert found.before == 0.1


def test_training_at_a_found_rate_is_training_at_that_rate(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def test_with(setup: Any, progress: Any = None) -> RateTest:
        true(setup, progress)
        falling = (2.0, *(2.0 - k / 10 for k in range(11)), 9.0)
        return RateTest(rates=RATES, losses=falling, before=setup.recipe.optimiser.rate)

    true = range_test.range_test
    monkeypatch.setattr(range_test, "range_test", test_with)
    with redirect_stderr(io.StringIO()) as said:
        first = planned(photographs, tmp_path / "found", find_lr=True, progress=True)
    found = read_rate_test(first.run)
    assert found is not None
    assert found.suggested is not None
    assert "a tenth of which, " in said.getvalue()
    assert recipe_of(first.run).optimiser.rate == found.suggested
    assert set_in(recipe_of(first.run)) == (f"optimiser.rate = {found.suggested:g}",)
    first.training.run()
    second = planned(photographs, tmp_path / "given", lr=found.suggested)
    second.training.run()
    weights = [each.training.network.state_dict() for each in (first, second)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert first.run.config.identity == second.run.config.identity
    assert (first.run.path / names.METRICS).read_bytes() == (
        second.run.path / names.METRICS
    ).read_bytes()

    # It goes on by the rate that it found, and does not look for another.
    monkeypatch.setattr(range_test, "range_test", lambda *_: pytest.fail("tested again"))
    again = planned(photographs, tmp_path / "found", find_lr=True, resume=True)
    assert again.run.config == first.run.config
    with pytest.raises(StriateError, match="`find_lr=True`: the run to go on with was begun with"):
        planned(photographs, tmp_path / "given", find_lr=True, resume=True)


def test_the_recipe_s_rate_stays_where_none_lets_the_loss_fall(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = RateTest(rates=RATES, losses=(1.0,) * len(RATES), before=0.1)
    monkeypatch.setattr(range_test, "range_test", lambda *_: flat)
    run = planned(photographs, tmp_path / "run", find_lr=True).run
    assert recipe_of(run).optimiser.rate == pytest.approx(0.1 * 6 / 128)
    assert set_in(recipe_of(run)) == ()
    assert "no rate lets the loss fall; the recipe's 0.1 is kept" in range_test.told(flat)


def test_all_rates_of_a_recipe_follow(photographs: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "stepped.toml"
    recipe.write_text(
        "[optimiser]\nrate = 0.1\n[schedule]\nname = 'step'\nmilestones = [0.5]\nrates = [0.01]\n"
    )
    run = planned(photographs, tmp_path / "run", find_lr=True, recipe=recipe).run
    found = recipe_of(run)
    assert found.schedule.rates == pytest.approx((found.optimiser.rate / 10,))


def test_a_rate_that_was_set_stays(photographs: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"set": {"schedule.warmup_rate": 0.003}, "find_lr": True}
    run = planned(photographs, tmp_path / "run", **given).run
    assert recipe_of(run).schedule.warmup_rate == 0.003
    again = planned(photographs, tmp_path / "run", resume=True, **given).run
    assert again.config == run.config


def test_what_was_cut_before_the_run_began_is_begun_anew(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: Any, **__: Any) -> None:
        assert (tmp_path / "run" / names.RATE_TEST).exists()
        shutil.copytree(tmp_path / "run", tmp_path / "killed")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("striate.training.plan.make_training", cut)
        with pytest.raises(Interrupted, match="nothing of it was kept"):
            planned(photographs, tmp_path / "run", find_lr=True)
    assert not (tmp_path / "run").exists()
    for name in ("run", "killed"):
        planned(photographs, tmp_path / name, find_lr=True)


def test_a_rate_is_found_or_given(photographs: Path, tmp_path: Path) -> None:
    for other in ({"lr": 0.1}, {"set": {"optimiser.rate": 0.1}}):
        with pytest.raises(StriateError, match=r"`find_lr=True`: decides about optimiser\.rate"):
            striate.train(photographs, out=tmp_path / "run", find_lr=True, **{**GIVEN, **other})
    assert not (tmp_path / "run").exists()
