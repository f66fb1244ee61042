"""Sizes of gradients, activations and weights against a layer computed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from striate.training.health import Health, first_not_finite


def by_hand() -> tuple[nn.Sequential, torch.Tensor]:
    """``y = (3, 4)·x`` for x = 1 and x = 2, then a layer without weights of two dimensions."""
    network = nn.Sequential(nn.Linear(1, 2, bias=False), nn.BatchNorm1d(2).eval())
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[3.0], [4.0]]))
    return network, torch.tensor([[1.0], [2.0]])


def test_root_mean_squares_of_a_layer() -> None:
    network, x = by_hand()
    health = Health(network)
    with health.watch():
        output = network[0](x)
    (output * torch.tensor([1.0, 2.0])).sum().backward()
    found = health.measure()
    assert list(found) == ["0"]
    assert found["0"]["weight"] == pytest.approx(((9 + 16) / 2) ** 0.5)
    assert found["0"]["activation"] == pytest.approx(((9 + 16 + 36 + 64) / 4) ** 0.5)
    assert found["0"]["gradient"] == pytest.approx(((3**2 + 6**2) / 2) ** 0.5)


def test_what_is_not_watched_or_has_no_gradient_is_left_out() -> None:
    network, x = by_hand()
    health = Health(network)
    network(x).sum().backward()
    assert health.measure() == {}
    network.zero_grad()
    with health.watch():
        network(x)
    assert health.measure() == {}
    assert not network[0]._forward_hooks


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_the_first_place_that_is_not_finite_is_named(number: float) -> None:
    network, x = by_hand()
    assert first_not_finite(network, x) == "first seen in the loss itself"
    assert first_not_finite(network, x * number) == "first seen in the input images"
    assert first_not_finite(network, x * 1e38) == "first seen in the output of '0'"
    with torch.no_grad():
        network[1].weight[0] = number
    assert first_not_finite(network, x) == "first seen in the weights of '1.weight'"
