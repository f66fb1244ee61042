"""How long a forward takes: of the network as it is, and nothing of it changes."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

import striate
from striate.anatomy.graph.record import record
from striate.anatomy.timing import FORWARDS, forward_time

CALLS = [0]


class Slow(nn.Module):
    """Takes ten milliseconds; `CALLS` knows how often it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta:
            CALLS[0] += 1
            time.sleep(0.01)
        return x * self.weight


def test_it_is_the_median_of_several_forwards_in_milliseconds() -> None:
    network = Slow()
    graph = record(network, torch.empty(1, 2, device="meta"))
    CALLS[0] = 0
    assert 10 <= forward_time(network, graph) < 1000
    assert 3 + 2 <= CALLS[0] <= FORWARDS + 2
    assert forward_time(network, graph, inputs=torch.zeros(3, 2)) >= 10


def test_a_network_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    (member,) = striate.compare([network], size=16, timed=True).members
    assert (member.milliseconds or 0) > 0
    assert network.training
    assert network[1].num_batches_tracked == 0
    assert striate.compare([network], size=16).members[0].milliseconds is None


def test_the_shapes_and_types_are_those_that_were_recorded() -> None:
    network = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    graph = record(network, torch.empty(1, 4, dtype=torch.int64, device="meta"))
    assert forward_time(network, graph) > 0
    with pytest.raises(RuntimeError):
        forward_time(network, graph, inputs=torch.zeros(1, 4))
