"""Probabilities and embeddings of one forward are those of two."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import striate
from striate.engines.probabilities import Probabilities
from striate.errors import NetworkError
from striate.hub.heads import make_head
from striate.hub.surgery import Headless, Transferred
from striate.inference.bulk.embedding import WithEmbedding


def check(network: nn.Module, size: tuple[int, int, int], embedding: torch.Tensor) -> None:
    images = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))
    found = WithEmbedding(Probabilities(network), size)
    with torch.inference_mode():
        numbers = found(images)
        shares = network(images).softmax(1)
    assert found.size == embedding.shape[1]
    assert torch.equal(numbers[:, : shares.shape[1]], shares)
    torch.testing.assert_close(numbers[:, shares.shape[1] :], embedding)


@pytest.mark.parametrize("name", ["lenet", "lenet5", "nin_cifar", "resnet20", "mnist_example"])
def test_networks_of_the_catalogue(name: str) -> None:
    network = striate.create(name, classes=10).eval()
    size = network.input_size
    with torch.inference_mode():
        images = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))
        wanted = network.embed(images)
    check(network, size, wanted)


def test_any_network_that_ends_in_a_layer_of_classes() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = nn.Sequential(body, nn.Dropout(), nn.Linear(4, 3)).eval()
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = body(images)
    check(network, (3, 8, 8), wanted)


def test_a_transferred_network_gives_what_its_head_sees() -> None:
    backbone = Headless(striate.create("resnet20", classes=5), "fc").eval()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = backbone(images)
    head = make_head("softmax", features=wanted.shape[1], classes=3)
    check(Transferred(backbone, head).eval(), (3, 32, 32), wanted)


def test_a_network_without_weights_has_no_embedding() -> None:
    with pytest.raises(NetworkError, match="has no convolution or linear layer"):
        WithEmbedding(Probabilities(nn.Flatten()), (1, 2, 2))
