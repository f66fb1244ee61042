"""What is frozen as one, in networks of several families."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from striate.anatomy.graph.record import record
from striate.anatomy.stages import stages
from striate.hub.resolve import resolve


def found(name: str, size: int, classifier: str = "") -> list[tuple[str, int]]:
    network = resolve(name, size=size).network
    if classifier:
        network.set_submodule(classifier, nn.Identity())
    graph = record(network, torch.empty(1, 3, size, size, device="meta"))
    return [(each.name, each.layers) for each in stages(graph)]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("resnet18", ["conv1", "conv2_x", "conv3_x", "conv4_x", "conv5_x"]),
        ("torchvision:resnet18", ["conv1", "layer1", "layer2", "layer3", "layer4"]),
    ],
)
def test_residual_networks(name: str, names: list[str]) -> None:
    listed = found(name, 64, "fc")
    assert [each for each, _ in listed] == names
    assert listed[0] == (names[0], 1)


def test_a_module_that_holds_nearly_all_is_taken_apart() -> None:
    listed = found("torchvision:vgg11", 64, "classifier.6")
    assert len(listed) == 9  # eight convolutions, and the linear layers behind them as one
    assert [layers for _, layers in listed] == [*[1] * 8, 2]
    assert [each for each, _ in listed][:2] == ["features.0", "features.3"]


def test_what_has_no_weights_of_its_own_joins_the_stage_before() -> None:
    network = resolve("resnet18", size=64).network
    graph = record(network, torch.empty(1, 3, 64, 64, device="meta"))
    whole = stages(graph)
    covered = [path for stage in whole for path in stage.modules]
    assert len(covered) == len(set(covered))
    assert whole[0].holds("bn1.weight")
    assert whole[0].holds("conv1.weight")
    assert not whole[0].holds("conv10.weight")
    assert sum(stage.layers for stage in whole) == 21
