"""Networks of blocks: their shapes, their first weights, and gradients apart by path."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from striate.lab.modular import INCEPTION, PLAIN, Branch, Modular, Plan, gradients_by_length
from striate.lab.modular import path_lengths as shares_of
from striate.zoo.layers import TrainingOutput


def made(**given: object) -> Modular:
    torch.manual_seed(0)
    plan = Plan(**{"width": 8, "blocks": 1, "classes": 3, **given})  # type: ignore[arg-type]
    network = Modular(plan).double()
    network.eval()
    return network


def images() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 3, 16, 16, generator=generator, dtype=torch.float64)
    return x, torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize("shortcut", ["none", "a", "b", "c"])
@pytest.mark.parametrize("branches", [PLAIN, INCEPTION])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_gradients_of_all_paths_add_up_to_the_gradient(
    shortcut: str, branches: tuple[Branch, ...], scale: float
) -> None:
    network = made(shortcut=shortcut, branches=branches, scale=scale)
    x, labels = images()
    given = network.stem(x).detach().requires_grad_()
    found = given
    for block in network.blocks:
        found = block(found)
    loss = F.cross_entropy(network.classifier(found.mean((2, 3))), labels)
    (whole,) = torch.autograd.grad(loss, given)
    parts = gradients_by_length(network, x, labels)
    torch.testing.assert_close(sum(parts.values()), whole)
    assert sum(shares_of(network, x, labels)) == pytest.approx(1)


def test_paths_are_as_long_as_their_convolutions() -> None:
    x, labels = images()
    assert set(gradients_by_length(made(), x, labels)) == {6}
    assert set(gradients_by_length(made(branches=INCEPTION), x, labels)) == {3, 4, 5, 6}
    assert set(gradients_by_length(made(shortcut="a"), x, labels)) == {0, 2, 4, 6}
    assert set(gradients_by_length(made(shortcut="c"), x, labels)) == {3, 4, 5, 6}


@pytest.mark.parametrize("branches", [PLAIN, INCEPTION])
def test_a_block_halves_the_grid_and_doubles_the_channels(branches: tuple[Branch, ...]) -> None:
    network = made(branches=branches, blocks=2)
    found = network.stem(images()[0])
    shapes = []
    for block in network.blocks:
        found = block(found)
        shapes.append(tuple(found.shape[1:]))
    assert shapes == [(8, 8, 8)] * 2 + [(16, 4, 4)] * 2 + [(32, 2, 2)] * 2
    assert network.plan.depth == 14


def test_a_block_that_is_left_out_gives_its_input() -> None:
    network = made(blocks=2)
    block, x = network.blocks[1], images()[0].new_ones(1, 8, 4, 4)
    assert not torch.equal(block(x), x)
    block.left_out = True
    assert torch.equal(block(x), x)


def test_auxiliary_heads_answer_in_training_alone() -> None:
    network = made(auxiliary=(0.3, 0.1))
    assert isinstance(network(images()[0]), Tensor)
    network.train()
    found = network(images()[0])
    assert isinstance(found, TrainingOutput)
    assert [each.shape for each in found.auxiliary] == [(4, 3)] * 2
    assert network.auxiliary_weights == (0.3, 0.1)


def test_a_sum_of_many_blocks_begins_no_larger_than_one() -> None:
    sizes = []
    for blocks in (1, 8):
        network = made(blocks=blocks, normalised=False, shortcut="a")
        found = network.stem(images()[0])
        for block in network.blocks:
            found = block(found)
        sizes.append(float(found.detach().std()))
    assert sizes[1] < 4 * sizes[0]
