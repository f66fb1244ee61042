"""Where torchvision has the same network, its (random) weights give its outputs to 1e-5."""

import sys
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from striate.hub.conversion import renamed
from striate.hub.libraries import LIBRARIES
from striate.zoo.create import create
from striate.zoo.layers import TrainingOutput

sys.path.insert(0, str(Path(__file__).parent))
from references import assert_same, filled

SIZES = {"alexnet_owt": 224, "resnet": 64, "vgg": 32}
NAMES = [
    name
    for name in LIBRARIES["torchvision"].counterparts
    if name not in {"googlenet_bn", "inception_v3"}
]


def pair(name: str, variant: dict | None = None, **options: object) -> tuple[nn.Module, nn.Module]:
    """Give our network and torchvision's, with the same weights."""
    equal = LIBRARIES["torchvision"].counterparts[name]
    with torch.device("meta"):
        reference = getattr(torchvision.models, equal.name)(weights=None, **options)
        network = create(name, **(variant or {}))
    weights = renamed(filled(reference).state_dict(), equal.rules)
    copies = {key: value.clone() for key, value in weights.items()}
    network.load_state_dict(copies, assign=True)
    return network, reference


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_equals_torchvision(name: str) -> None:
    options = {"init_weights": False} if name.startswith("vgg") else {}
    network, reference = pair(name, **options)
    size = next(size for start, size in SIZES.items() if name.startswith(start))
    images = torch.randn(2, 3, size, size)
    assert_same(network.eval()(images), reference.eval()(images))


def googlenets(auxiliary: bool) -> tuple[nn.Module, nn.Module]:
    """Both without dropout; the auxiliary heads' cannot be turned off but in place."""
    network, reference = pair(
        "googlenet_bn",
        {"auxiliary": auxiliary, "dropout": 0.0},
        aux_logits=auxiliary,
        init_weights=False,
        dropout=0.0,
        dropout_aux=0.0,
    )
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network, reference


@pytest.mark.parametrize("auxiliary", [False, True])
@torch.inference_mode()
def test_googlenet_bn_equals_torchvision(auxiliary: bool) -> None:
    network, reference = googlenets(auxiliary)
    images = torch.randn(2, 3, 96, 96)
    assert_same(network.eval()(images), reference.eval()(images))


def test_googlenet_bn_equals_torchvision_in_training() -> None:
    network, reference = googlenets(auxiliary=True)
    images = torch.randn(4, 3, 96, 96)
    ours, theirs = network.train()(images), reference.train()(images)
    assert isinstance(ours, TrainingOutput)
    assert_same(ours.logits, theirs.logits)
    assert_same(ours.auxiliary[0], theirs.aux_logits1)
    assert_same(ours.auxiliary[1], theirs.aux_logits2)
    assert_same(network.conv2.bn.running_var, reference.conv3.bn.running_var)
