"""Every network can be traced by `torch.fx`, and its traced form computes the same to the bit."""

from __future__ import annotations

import pytest
import torch
import torch.fx
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from striate.zoo.create import NETWORKS, create
from striate.zoo.weightless import weightless

#: One network of every class of network, and whatever is built in a way of its own, at small sizes.
EQUAL = {
    "lenet": 32,
    "lenet5": 32,
    "alexnet_half": 227,
    "zfnet": 224,
    "nin_cifar": 32,
    "vgg11_lrn": 32,
    "googlenet": 64,
    "googlenet_bn": 64,
    "inception_v2": 64,
    "resnet18": 64,
    "resnet20": 32,
    "xception": 64,
    "darknet53": 64,
    "mnist_example": 28,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_traced(name: str) -> None:
    if name in {"resnet1202", "preact_resnet1001"}:
        pytest.skip("resnet110 and preact_resnet110 are the same code in a tenth of the time")
    with weightless():
        network = create(name)
    for training in (False, True) if getattr(network, "auxiliary_weights", ()) else (False,):
        graph = torch.fx.symbolic_trace(network.train(training)).graph
        assert [node.op for node in graph.nodes].count("placeholder") == 1


@pytest.mark.parametrize("name", EQUAL)
def test_a_traced_network_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    network = create(name, classes=5).eval()
    traced = torch.fx.symbolic_trace(network)
    images = torch.rand(2, network.input_size[0], EQUAL[name], EQUAL[name])  # type: ignore[index]
    with torch.inference_mode():
        assert torch.equal(traced(images), network(images))


@pytest.mark.parametrize("size", [224, 96])
def test_traced_auxiliary_heads_fit_every_size(size: int) -> None:
    torch.manual_seed(0)
    network = create("googlenet", classes=3, dropout=0.0).train()
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    traced = torch.fx.symbolic_trace(network)
    images = torch.rand(1, 3, size, size)
    with torch.no_grad():
        ours, theirs = network(images), traced(images)
    assert torch.equal(ours.logits, theirs.logits)
    assert all(torch.equal(a, b) for a, b in zip(ours.auxiliary, theirs.auxiliary, strict=True))


@pytest.mark.parametrize("name", [*EQUAL, "yolov4_tiny"])
def test_torchvision_finds_its_way_through_every_kind_of_network(name: str) -> None:
    with weightless():
        network = create(name).eval()
        # Auxiliary heads are no part of a network in evaluation.
        first, *_, last = (path for path, _ in network.named_children() if path[:3] != "aux")
        extractor = create_feature_extractor(network, {first: "first", last: "last"})
        found = extractor(torch.empty(1, *network.input_size))
    assert found.keys() == {"first", "last"}


def test_torchvision_takes_features_from_our_networks() -> None:
    torch.manual_seed(0)
    network = create("resnet18").eval()
    images = torch.rand(1, 3, 64, 64)
    extractor = create_feature_extractor(network, ["conv3_x", "conv5_x.1.conv2"])
    with torch.inference_mode():
        found = extractor(images)
        assert found["conv3_x"].shape == (1, 128, 8, 8)
        assert found["conv5_x.1.conv2"].shape == (1, 512, 2, 2)
