"""A forward that fails is answered with what would help, each failure with its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import striate
from striate.anatomy.graph.record import record
from striate.errors import NetworkError

sys.path.insert(0, str(Path(__file__).parent))
from dependence import Lambda

IMAGE = (1, 3, 8, 8)


class Pair(nn.Module):
    def forward(self, image: Tensor, words: Tensor) -> Tensor:
        return image + words


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "input_size"),
        (nn.Conv2d(1, 4, 3), "input_size"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(9)), "give the size that the network"),
        (Pair(), "one example input for each"),
        (nn.Conv2d(3, 4, 3).half(), "of the type that it takes"),
        (nn.Embedding(9, 4), "of the type that it takes"),
        (Lambda(lambda self, x: x["image"]), "example inputs of what it takes"),
        (Lambda(lambda self, x: x.pixels), "example inputs of what it takes"),
        (Lambda(lambda self, x: torch.bincount(x.long().flatten())), "no form for shapes alone"),
        (Lambda(lambda self, x: x[x > 0]), "positions are chosen by value"),
    ],
)
def test_remedies(network: nn.Module, remedy: str) -> None:
    with pytest.raises(NetworkError, match=remedy) as caught:
        record(network, torch.empty(IMAGE))
    assert "\n" not in str(caught.value)


def test_the_remedy_works() -> None:
    """The classic first network: a size alone cannot say that there is one channel."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with pytest.raises(NetworkError, match="or state it as its input_size"):
        striate.table(network, size=28)
    network.input_size = (1, 28, 28)
    assert striate.table(network).totals.macs == 7840


def test_the_innermost_module_is_named_also_where_errors_are_caught_on_the_way() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        try:
            x = self.first(x)
        except RuntimeError:
            x = x * 2
        return self.second(x)

    network = Lambda(
        forward, first=nn.Conv2d(5, 4, 3), second=nn.Sequential(nn.ReLU(), nn.Conv2d(7, 4, 3))
    )
    with pytest.raises(NetworkError, match=r"layer 'second\.1' \(Conv2d\)"):
        record(network, torch.empty(IMAGE))
    network.second = nn.ReLU()
    assert [node.module for node in record(network, torch.empty(IMAGE)).nodes[1:]] == ["", "second"]


def test_constants_of_the_processor_meet_functions_that_ask_for_one_device() -> None:
    network = Lambda(lambda self, x: torch.quantile(x, torch.tensor([0.1, 0.9]), 2))
    assert record(network, torch.empty(IMAGE)).nodes[-1].output[0] == 2


def test_a_move_to_a_device_is_no_move() -> None:
    network = Lambda(lambda self, x: self.conv(x.to("cpu")).cpu(), conv=nn.Conv2d(3, 4, 3))
    assert record(network, torch.empty(IMAGE)).nodes[-1].shape == (1, 4, 6, 6)
