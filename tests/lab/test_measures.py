"""What claims measure, against what is computed in another way."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch.autograd.functional import jacobian

from striate.lab.claims.convolution_backwards import backwards, correlate, spread
from striate.lab.claims.flow import PIXELS, Flow, spread_out
from striate.lab.claims.linear_heads import answers, cover, logistic, two_circles
from striate.lab.claims.start import AT, DEPTH, Dense, at_the_start
from striate.lab.experiment import Conditions
from striate.lab.learning import images_of
from striate.support.settings import seeded


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, 2, 2)])
def test_a_convolution_backwards_is_its_matrix_turned(
    stride: int, padding: int, dilation: int
) -> None:
    random = np.random.default_rng(0)
    kernel, shape = random.normal(size=(3, 3)), (7, 7)

    def forwards(image: np.ndarray) -> np.ndarray:
        found = correlate(np.pad(image, padding), spread(kernel, dilation))
        return found[::stride, ::stride]

    units = np.eye(49).reshape(49, *shape)
    matrix = np.stack([forwards(unit).ravel() for unit in units], 1)  # (outputs, 49)
    gradient = random.normal(size=forwards(units[0]).shape)
    found = backwards(gradient, kernel, shape, stride=stride, padding=padding, dilation=dilation)
    np.testing.assert_allclose(found.ravel(), matrix.T @ gradient.ravel(), atol=1e-12)


def test_a_flow_s_determinant_is_that_of_its_jacobian() -> None:
    with seeded(0):
        flow = Flow(2, 16).double()
    whole, noise = torch.full((1, PIXELS), 5.0).double(), torch.full((1, PIXELS), 0.3).double()

    def all_the_way(noise: torch.Tensor) -> torch.Tensor:
        return flow.normal(spread_out(whole, noise)[0])[0]

    matrix = jacobian(all_the_way, noise)[0, :, 0]
    with torch.no_grad():
        values, spread_own = spread_out(whole, noise)
        _, own = flow.normal(values)
    assert float(torch.linalg.slogdet(matrix)[1]) == pytest.approx(float(own + spread_own))


def test_a_flow_turns_back() -> None:
    with seeded(1):
        flow = Flow(3, 16).double()
    values = torch.randn(4, PIXELS, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        again = flow.back(flow.normal(values)[0])
    torch.testing.assert_close(again, values)


def test_cover_s_count_is_that_of_all_divisions() -> None:
    points = np.random.default_rng(0).normal(size=(6, 3))
    separable = sum(
        linprog(
            np.zeros(3),
            A_ub=-np.array(signs)[:, None] * points,
            b_ub=-np.ones(6),
            bounds=(None, None),
        ).status
        == 0
        for signs in product((-1.0, 1.0), repeat=6)
    )
    assert separable / 2**6 == cover(6, 3) == 0.5


def test_logistic_regression_is_scikit_learn_s() -> None:
    from sklearn.linear_model import LogisticRegression

    rows, labels = two_circles(0, 200)
    lifted = np.column_stack([rows, (rows**2).sum(1)])
    other = LogisticRegression(C=0.1, tol=1e-8).fit(lifted, labels).predict(lifted)
    assert (answers(logistic(lifted, labels, sparse=False), lifted) == other).all()


def test_jacobians_of_layers_are_autograd_s() -> None:
    with seeded(0):
        network = Dense("He", 5, 3)
    images = torch.randn(AT, 5, generator=torch.Generator().manual_seed(2))
    _, typical, largest = at_the_start(network, images, torch.zeros(AT, dtype=torch.int64))
    network.double()
    layer = network.layers[0]
    found = [
        torch.linalg.svdvals(jacobian(lambda x: layer(x).relu(), image.double()))
        for image in images
    ]
    assert typical[0] == pytest.approx(
        float(torch.stack([each.square().mean().sqrt() for each in found]).mean())
    )
    assert largest[0] == pytest.approx(float(torch.stack([each[0] for each in found]).mean()))
    assert len(typical) == DEPTH


def test_every_class_has_its_share_of_few_images() -> None:
    found = images_of(Conditions(data="digits", images=(103, 50)))
    assert (len(found.train), len(found.val)) == (103, 50)
    assert set(found.train.counts.tolist()) == {10, 11}
    again = images_of(Conditions(data="digits", images=(103, 50)))
    assert list(again.train.digests) == list(found.train.digests)
