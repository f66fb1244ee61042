"""Heads for numbers against scikit-learn's own, and the rules by which they are chosen."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.svm import SVR, LinearSVR

from striate.errors import StriateError
from striate.hub.heads import VALUE_HEADS, RBFSVRHead, ValueHead, make_head, sizes_of
from striate.transfer_learning.heads.regression import ridge, svr
from striate.transfer_learning.heads.regression.fit import FittedValueHead, fit_value_head
from striate.transfer_learning.heads.regression.samples import ValueSamples, strata

WIDTH = 12
Floats = NDArray[np.float32]


def numbered(images: int = 90, targets: int = 1, *, noise: float = 0.3, seed: int = 0) -> tuple:
    """Embeddings that tell the values; one feature never changes, one is of another scale."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(images, WIDTH))
    values = rows @ random.normal(size=(WIDTH, targets)) + noise * random.normal(
        size=(images, targets)
    )
    rows[:, 0], rows[:, 1] = 3.0, 100 * rows[:, 1] + 1000
    values = (values - values.mean(0)) / values.std(0)
    return rows.astype(np.float32), values


def answers(head: ValueHead, rows: Floats) -> Floats:
    with torch.inference_mode():
        found: Floats = head(torch.from_numpy(rows)).numpy()
    return found


def scaled(head: ValueHead, rows: Floats) -> Floats:
    with torch.inference_mode():
        found: Floats = head.standardise(torch.from_numpy(rows)).double().numpy()
    return found


@pytest.mark.parametrize(("images", "targets"), [(90, 1), (90, 3), (9, 2)])
def test_ridge_is_scikit_learns(images: int, targets: int) -> None:
    rows, values = numbered(images, targets)
    fitted = fit_value_head("ridge", rows, values)
    own = scaled(fitted.head, rows)
    theirs = Ridge(alpha=fitted.to_json()["chosen"]["alpha"]).fit(own, values)
    assert answers(fitted.head, rows) == pytest.approx(
        theirs.predict(own).reshape(values.shape), abs=1e-4
    )


def test_equations_give_scikit_learns_weights_at_every_alpha() -> None:
    random = np.random.default_rng(0)
    for shape in ((40, 7), (6, 20)):
        rows, values = random.normal(size=shape) + 2, random.normal(size=(shape[0], 2))
        equations = ridge.Equations(rows, values)
        for alpha in (1e-3, 1.0, 1e3):
            theirs = Ridge(alpha=alpha).fit(rows, values)
            weights, offsets = equations.fit(alpha)
            assert weights == pytest.approx(theirs.coef_.T, abs=1e-8)
            assert offsets == pytest.approx(theirs.intercept_, abs=1e-8)


@pytest.mark.parametrize("kind", ["svr", "svr-rbf", "large"])
def test_svrs_are_scikit_learns(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "large":
        monkeypatch.setattr(svr, "MOST_KERNEL_ROWS", 10)
    rows, values = numbered(targets=2)
    fitted = fit_value_head("svr-rbf" if kind == "svr-rbf" else "svr", rows, values)
    own, chosen = scaled(fitted.head, rows), fitted.chosen
    for target in range(2):
        if kind == "large":
            loss = {"loss": "squared_epsilon_insensitive", "tol": 1e-6, "max_iter": 100_000}
            theirs = LinearSVR(C=chosen.C, epsilon=chosen.epsilon, **loss)
        elif kind == "svr":
            theirs = SVR(kernel="linear", C=chosen.C, epsilon=chosen.epsilon)
        else:
            theirs = SVR(kernel="rbf", gamma=chosen.gamma, C=chosen.C, epsilon=chosen.epsilon)
        expected = theirs.fit(own, values[:, target]).predict(own)
        assert answers(fitted.head, rows)[:, target] == pytest.approx(expected, abs=2e-2)
        assert np.std(expected) > 0.5


def test_a_head_computes_what_its_vectors_say() -> None:
    rows, values = numbered()
    head = fit_value_head("svr-rbf", rows, values).head
    assert isinstance(head, RBFSVRHead)
    x = scaled(head, rows)
    kernel = np.exp(-float(head.gamma) * ((x[:, None] - head.support.double().numpy()) ** 2).sum(2))
    expected = kernel @ head.linear.weight.detach().double().numpy().T
    expected += head.linear.bias.detach().double().numpy()
    assert answers(head, rows) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", VALUE_HEADS)
def test_what_cross_validation_says_is_what_other_images_say(kind: str) -> None:
    rows, values = numbered(400)
    train, other = slice(0, 150), slice(150, None)
    fitted = fit_value_head(kind, rows[train], values[train])
    errors = answers(fitted.head, rows[other]) - values[other]
    assert float(np.square(errors).mean() ** 0.5) == pytest.approx(fitted.chosen.rmse, rel=0.25)
    assert fitted.chosen.rmse < 0.4
    assert fitted.chosen.rmse < 1.02 * min(each.rmse for each in fitted.trials)
    crossed = fitted.held_values - values[train][fitted.held]
    assert float(np.square(crossed).mean() ** 0.5) == pytest.approx(fitted.chosen.rmse)
    assert sorted(fitted.held) == list(range(150))


@pytest.mark.parametrize("kind", VALUE_HEADS)
def test_the_same_images_give_the_same_bits_and_a_head_is_made_again(kind: str) -> None:
    rows, values = numbered(40, 2)
    one, other = (fit_value_head(kind, rows, values, seed=3) for _ in range(2))
    assert np.array_equal(answers(one.head, rows), answers(other.head, rows))
    again = make_head(**sizes_of(one.head))
    again.load_state_dict(one.head.state_dict())
    assert np.array_equal(answers(again, rows), answers(one.head, rows))  # type: ignore[arg-type]
    json.dumps(one.to_json(), allow_nan=False)


def test_noise_leaves_ridge_with_next_to_nothing_and_a_clear_case_with_little_regularisation() -> (
    None
):
    random = np.random.default_rng(1)
    rows = random.normal(size=(200, WIDTH)).astype(np.float32)
    noise = fit_value_head("ridge", rows, random.normal(size=(200, 1)))
    assert noise.chosen.rmse == pytest.approx(1, abs=0.1)
    assert np.std(answers(noise.head, rows)) < 0.25
    clear = fit_value_head("ridge", *numbered(200, noise=0.01))
    assert clear.chosen.C > 100 * noise.chosen.C


def test_the_tube_is_counted_as_it_stands() -> None:
    rows, values = numbered(120, noise=0.5)
    for kind in ("svr", "svr-rbf"):
        fitted = fit_value_head(kind, rows, values)
        assert fitted.tubes is not None
        (tube,) = fitted.tubes
        errors = (answers(fitted.head, rows) - values)[:, 0]
        assert tube.within + tube.on + tube.beyond == sum(tube.counts) == 120
        inside, outside = (np.abs(errors) < tube.epsilon), (np.abs(errors) > tube.epsilon)
        assert tube.within <= inside.sum() <= tube.within + tube.on
        assert tube.beyond <= outside.sum() <= tube.beyond + tube.on
        assert (np.abs(errors) > tube.epsilon + 0.01).sum() <= tube.beyond
        image, error = tube.furthest[0]
        assert error == pytest.approx(errors[image], abs=1e-3)
        assert abs(error) == pytest.approx(np.abs(errors).max(), abs=1e-3)
        for image, _ in tube.edge:
            assert abs(errors[image]) == pytest.approx(tube.epsilon, abs=0.02)
    head = fitted.head
    assert isinstance(head, RBFSVRHead)
    assert len(head.support) == 120 - tube.within


@pytest.mark.parametrize("kind", VALUE_HEADS)
def test_views_of_an_image_are_held_out_together(kind: str) -> None:
    rows, values = numbered(30)
    views = np.stack([rows, rows + 0.01], axis=1)
    fitted = fit_value_head(kind, views, values)
    assert sorted(fitted.held) == list(range(30))
    given = ValueSamples.of(views, values, 0)
    for fold in given.samples.folds:
        assert not set(fold.held // 2) & set(fold.fitted // 2)
        # Each fold spans the range.
        assert len(set(given.samples.labels[fold.held])) == 3


@pytest.mark.parametrize("kind", VALUE_HEADS)
@pytest.mark.parametrize("images", [1, 2, 3])
def test_few_images_are_fitted_as_usual(kind: str, images: int) -> None:
    rows, values = numbered(images if images > 1 else 2)
    rows = np.repeat(rows[:1], 4, axis=0) if images == 1 else rows
    values = np.repeat(values[:1], 4, axis=0) if images == 1 else values
    fitted = fit_value_head(kind, rows, values)
    assert np.isfinite(answers(fitted.head, rows)).all()
    json.dumps(fitted.to_json(), allow_nan=False)
    if images == 1:
        assert fitted.folds == 0
        assert "rmse" not in fitted.to_json()["chosen"]


def test_strata_span_the_range() -> None:
    values = np.random.default_rng(0).normal(size=(35, 2))
    parts = strata(values)
    assert np.bincount(parts).tolist() == [10, 10, 10, 5]
    assert values[parts == 0, 0].max() < values[parts == 1, 0].min()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("softmax", "is for classes"), ("svr-rfb", "svr-rbf"), ("svr-rbf", "memory")],
)
def test_a_head_that_cannot_be_is_refused(kind: str, words: str) -> None:
    rows, values = np.zeros((10_001, 1), np.float32), np.zeros((10_001, 1))
    with pytest.raises(StriateError, match=words):
        fit_value_head(kind, rows, values)


def test_seconds_are_told() -> None:
    fitted: FittedValueHead = fit_value_head("ridge", *numbered(20))
    assert fitted.to_json()["seconds"] >= 0
