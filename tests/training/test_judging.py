"""Figures of numbers while a network trains are those of independent sources."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from striate.data.batch import Targets
from striate.errors import RecipeError
from striate.recipes.recipe import Loss
from striate.runs.targets import ScaledTarget, scaled, standardised
from striate.training.judging import ClassJudge, NumberJudge
from striate.training.losses import Criterion, number_loss

CPU = torch.device("cpu")
AGE = ScaledTarget(name="age", unit="years", mean=30.0, deviation=12.0, low=0.0, high=90.0)
SIZE = ScaledTarget(name="size", mean=2.0, deviation=0.5, low=1.0, high=3.0)


def values(targets: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs of a network and what they should be, standardised, (50, targets)."""
    random = np.random.default_rng(targets)
    true = random.normal(0.3, 1.1, (50, targets)).astype(np.float32)
    outputs = true + random.normal(0, 0.4, (50, targets)).astype(np.float32)
    return torch.from_numpy(outputs), torch.from_numpy(true)


def judge(*targets: ScaledTarget, name: str = "squared") -> NumberJudge:
    return NumberJudge(targets, partial(number_loss, Loss(name=name)))  # type: ignore[arg-type]


def test_errors_of_one_target_are_in_its_unit() -> None:
    outputs, true = values(1)
    tally = judge(AGE).tally(CPU)
    for part in range(0, 50, 16):
        tally.add(outputs[part : part + 16], true[part : part + 16])
    found = tally.figures(tally.sums)
    one, other = (each.double().numpy()[:, 0] * 12 + 30 for each in (true, outputs))
    assert found == pytest.approx(
        {
            "loss": metrics.mean_squared_error(true, outputs),
            "mae": metrics.mean_absolute_error(one, other),
            "rmse": metrics.root_mean_squared_error(one, other),
            "r2": metrics.r2_score(one, other),
        },
        rel=1e-6,
    )
    assert float(judge(AGE).of_batch(outputs, true)) == pytest.approx(found["mae"], rel=1e-6)


def test_errors_of_several_are_the_mean_in_deviations() -> None:
    outputs, true = values(2)
    tally = judge(AGE, SIZE).tally(CPU)
    tally.add(outputs, true)
    found = tally.figures(tally.sums)
    each = {"multioutput": "raw_values"}
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(true, outputs, **each).mean())
    assert found["rmse"] == pytest.approx(
        metrics.root_mean_squared_error(true, outputs, **each).mean()
    )
    assert found["r2"] == pytest.approx(metrics.r2_score(true, outputs, **each).mean())


def test_shares_of_several_processes_add_up() -> None:
    outputs, true = values(1)
    whole, one, other, empty = (judge(AGE).tally(CPU) for _ in range(4))
    whole.add(outputs, true)
    one.add(outputs[:20], true[:20])
    other.add(outputs[20:], true[20:])
    together = whole.figures(one.sums + other.sums + empty.sums)
    assert together == pytest.approx(whole.figures(whole.sums))
    assert len(ClassJudge(3).tally(CPU).sums) == 4 + 9


def test_no_variance_can_be_explained_where_there_is_none() -> None:
    tally = judge(AGE).tally(CPU)
    tally.add(torch.tensor([[0.1], [0.2]]), torch.tensor([[0.7], [0.7]]))
    assert tally.figures(tally.sums).keys() == {"loss", "mae", "rmse"}


@pytest.mark.parametrize(
    ("name", "of_error"),
    [
        ("squared", lambda e: e**2),
        ("absolute", np.abs),
        ("huber", lambda e: np.where(np.abs(e) <= 0.5, e**2 / 2, 0.5 * (np.abs(e) - 0.25))),
    ],
)
def test_losses_are_the_formulas_and_mix(name: str, of_error: object) -> None:
    outputs, true = values(2)
    other, share = true.flip(0), torch.linspace(0, 1, 50)
    assert callable(of_error)
    spec = Loss(name=name, huber_delta=0.5)  # type: ignore[arg-type]
    criterion = Criterion(spec, nn.Identity())
    wanted = of_error((outputs - true).double().numpy()).mean()
    assert float(criterion(outputs, Targets(true, None, None)).total) == pytest.approx(wanted)
    parts = [of_error((outputs - each).double().numpy()).mean(1) for each in (true, other)]
    mixed = share.numpy() * parts[0] + (1 - share.numpy()) * parts[1]
    found = criterion(outputs, Targets(true, other, share)).total
    assert float(found) == pytest.approx(mixed.mean(), rel=1e-5)


def test_a_loss_of_numbers_has_no_labels_to_smooth() -> None:
    for more in ({"label_smoothing": 0.1}, {"class_weights": "balanced"}):
        with pytest.raises(RecipeError, match="no labels to smooth and no classes to weigh"):
            Loss(name="huber", **more)  # type: ignore[arg-type]


def test_the_scale_is_that_of_the_training_images() -> None:
    random = np.random.default_rng(0)
    found = random.normal(5, 3, (40, 2))

    class Images:
        targets = (AGE, SIZE)
        values = found

    (age, size) = scaled(Images())  # type: ignore[arg-type]
    assert (age.name, age.unit, size.mean) == ("age", "years", pytest.approx(found[:, 1].mean()))
    assert (age.low, age.high) == (found[:, 0].min(), found[:, 0].max())
    scores = standardised((age, size), found)
    assert scores.dtype == np.float32
    assert scores.mean(0) == pytest.approx([0, 0], abs=1e-6)
    assert scores.std(0) == pytest.approx([1, 1], abs=1e-6)
