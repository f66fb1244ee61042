"""Where torchvision or timm has the same network, its (random) weights give its outputs to 1e-5."""

import sys
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import nn

from striate.hub.conversion import renamed
from striate.hub.libraries import LIBRARIES
from striate.zoo.create import create
from striate.zoo.layers import TrainingOutput

sys.path.insert(0, str(Path(__file__).parent))
from references import assert_same, filled


def pair(name: str, source: str) -> tuple[nn.Module, nn.Module]:
    """Give our network and the reference, with the same weights and without dropout."""
    equal = LIBRARIES[source].counterparts[name]
    with torch.device("meta"):
        if source == "torchvision":
            build = getattr(torchvision.models, equal.name)
            reference = build(weights=None, init_weights=False, dropout=0.0)
        else:
            reference = timm.create_model(equal.name.partition(".")[0], pretrained=False)
        options = {"auxiliary": False} if (name, source) == ("inception_v3", "timm") else {}
        network = create(name, dropout=0.0, **options)
    weights = renamed(filled(reference).state_dict(), equal.rules)
    copies = {key: value.clone() for key, value in weights.items()}
    network.load_state_dict(copies, assign=True)
    return network, reference


@pytest.mark.parametrize(
    ("name", "source", "size"),
    [
        ("inception_v3", "torchvision", 80),
        ("inception_v3", "timm", 80),
        ("inception_v4", "timm", 80),
        ("inception_resnet_v2", "timm", 80),
        ("xception_timm", "timm", 90),
    ],
)
@torch.inference_mode()
def test_equals_the_reference(name: str, source: str, size: int) -> None:
    network, reference = pair(name, source)
    images = torch.randn(2, 3, size, size)
    assert_same(network.eval()(images), reference.eval()(images))


@torch.no_grad()
def test_inception_v3_equals_torchvision_in_training() -> None:
    """At the least size at which torchvision's auxiliary head works; ours is the same above it."""
    network, reference = pair("inception_v3", "torchvision")
    images = torch.randn(2, 3, 299, 299)
    ours, theirs = network.train()(images), reference.train()(images)
    assert isinstance(ours, TrainingOutput)
    assert_same(ours.logits, theirs.logits)
    assert_same(ours.auxiliary[0], theirs.aux_logits)
    assert_same(network.aux.conv1.bn.running_var, reference.AuxLogits.conv0.bn.running_var)


@torch.inference_mode()
def test_leaving_padding_out_of_the_averages_of_v3_is_a_variant() -> None:
    """As TF-slim does: the same weights, another answer at the borders."""
    network, reference = pair("inception_v3", "torchvision")
    release = create("inception_v3", count_padding=False).eval()
    release.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 96, 96)
    difference = (release(images) - reference.eval()(images)).abs().max()
    assert 1e-4 < difference / reference(images).abs().max() < 1
