"""The embedding found on the graph is what the networks' own `embed` gives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.anatomy.embedding import embed, find_embedding
from striate.anatomy.graph.record import record
from striate.errors import NetworkError
from striate.zoo.create import create


class FunctionalHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.head = nn.Parameter(torch.randn(4, 6))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.conv(x).relu().mean((2, 3)), self.head)


class Averaged(nn.Module):
    """Network in Network: the last convolution has a map for each class."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 1)
        self.relu = nn.ReLU(inplace=in_place)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.last(self.relu(self.conv(x))))
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


@pytest.mark.parametrize("name", ["lenet", "nin_cifar", "resnet20", "mnist_example"])
def test_the_catalogues_embeddings(name: str) -> None:
    network = create(name).eval()
    images = torch.randn(2, *network.input_size)
    graph = record(network, images[:1])
    with torch.no_grad():
        own = network.embed(images)
        found = embed(network, graph, images)
    assert find_embedding(graph).size == own.shape[1]
    torch.testing.assert_close(found, own)


def test_functional_heads() -> None:
    network, images = FunctionalHead(), torch.randn(2, 3, 9, 9)
    graph = record(network, images[:1])
    found = find_embedding(graph)
    assert (found.layer, found.size, found.averaged) == ("", 6, False)
    torch.testing.assert_close(
        embed(network, graph, images), network.conv(images).relu().mean((2, 3))
    )


@pytest.mark.parametrize("in_place", [False, True])
def test_maps_that_are_averaged_after_the_classifier(in_place: bool) -> None:
    network, images = Averaged(in_place), torch.randn(2, 3, 9, 9)
    graph = record(network, images[:1])
    found = find_embedding(graph)
    assert (found.layer, found.size, found.averaged) == ("last", 6, True)
    assert graph.nodes[found.classifier].name == "last"
    torch.testing.assert_close(
        embed(network, graph, images), network.conv(images).relu().mean((2, 3))
    )


def test_codes_without_weights_are_a_classifier_too() -> None:
    network = create("lenet5")
    graph = record(network, torch.empty(1, 1, 32, 32))
    found = find_embedding(graph)
    assert (found.size, graph.nodes[found.classifier].module) == (84, "OUTPUT")
    with pytest.raises(NetworkError, match="no weights of its own"):
        embed(network, graph, torch.zeros(1, 1, 32, 32))


def test_a_network_without_layers_has_no_embedding() -> None:
    with pytest.raises(NetworkError, match="no convolution or linear layer"):
        find_embedding(record(nn.Flatten(), torch.empty(1, 3, 4, 4)))
