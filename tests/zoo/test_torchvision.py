"""Where torchvision has the same network, its (random) weights give its outputs to 1e-5."""

import copy
import re

import pytest
import torch
import torchvision
from torch import Tensor, nn

from striate.zoo.create import create
from striate.zoo.layers import TrainingOutput

RESNET = [(r"^layer(\d)", lambda m: f"conv{int(m[1]) + 1}_x"), ("downsample", "shortcut")]
DENSE = [(r"classifier\.(\d)", lambda m: {"1": "fc6", "4": "fc7", "6": "fc8"}[m[1]])]
VGG_DENSE = [(r"classifier\.(\d)", lambda m: {"0": "fc6", "3": "fc7", "6": "fc8"}[m[1]])]
ALEXNET = {"0": "conv1", "3": "conv2", "6": "conv3", "8": "conv4", "10": "conv5"}
GOOGLENET = [
    (r"^conv2\.", "conv2_reduce."),
    (r"^conv3\.", "conv2."),
    (r"inception(\d.)", r"inception_\1"),
    ("branch1", "branch_1x1"),
    ("branch2", "branch_3x3"),
    ("branch3", "branch_5x5"),
    ("branch4", "branch_pool"),
]


def renamed(weights: dict[str, Tensor], rules: list) -> dict[str, Tensor]:
    def rename(key: str) -> str:
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        return key

    return {rename(key): value for key, value in weights.items()}


def vgg_rules(reference: nn.Module) -> list:
    """Number each stage's layers from 0: torchvision numbers them through."""
    names, stage, index = {}, 1, 0
    for key, layer in reference.features.named_children():
        names[key] = f"conv{stage}.{index}"
        index += 1
        if isinstance(layer, nn.MaxPool2d):
            stage, index = stage + 1, 0
    return [(r"^features\.(\d+)", lambda m: names[m[1]]), *VGG_DENSE]


def randomised(reference: nn.Module) -> nn.Module:
    """Give batch norm statistics and weights that would show a wrong eps or a missing layer."""
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return reference


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(
        ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.detach().abs().max())
    )


CASES = [
    ("resnet18", "resnet18", RESNET, 64),
    ("resnet34", "resnet34", RESNET, 64),
    ("resnet50_v1_5", "resnet50", RESNET, 64),
    ("resnet101_v1_5", "resnet101", RESNET, 64),
    ("resnet152_v1_5", "resnet152", RESNET, 64),
    ("alexnet_owt", "alexnet", [(r"^features\.(\d+)", lambda m: ALEXNET[m[1]]), *DENSE], 224),
    *((name, name, None, 32) for name in ("vgg11", "vgg13", "vgg16", "vgg19")),
    *((f"{name}_bn", f"{name}_bn", None, 32) for name in ("vgg11", "vgg13", "vgg16", "vgg19")),
]


@pytest.fixture(autouse=True)
def _no_default_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start large dense layers by a cheap rule: their values do not matter here."""

    def cheap(weight: Tensor, *_args: object, **_options: object) -> Tensor:
        with torch.no_grad():
            bound = (6.0 / weight[0].numel()) ** 0.5
            pattern = torch.empty(4093).uniform_(-bound, bound)  # a prime: rows differ
            repeats = -(-weight.numel() // pattern.numel())
            weight.copy_(pattern.repeat(repeats)[: weight.numel()].view_as(weight))
        return weight

    for rule in ("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "normal_"):
        monkeypatch.setattr(nn.init, rule, cheap)


@pytest.mark.parametrize(("name", "reference_name", "rules", "size"), CASES)
@torch.inference_mode()
def test_equals_torchvision(name: str, reference_name: str, rules: list | None, size: int) -> None:
    torch.manual_seed(0)
    options = {"init_weights": False} if "vgg" in name else {}
    reference = getattr(torchvision.models, reference_name)(weights=None, **options)
    randomised(reference).eval()
    with torch.device("meta"):
        network = create(name).eval()
    weights = renamed(reference.state_dict(), rules or vgg_rules(reference))
    network.load_state_dict(weights, assign=True)
    images = torch.randn(2, 3, size, size)
    assert_same(network(images), reference(images))


def googlenets(auxiliary: bool) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    reference = torchvision.models.googlenet(
        weights=None, aux_logits=auxiliary, init_weights=False, dropout=0.0, dropout_aux=0.0
    )
    rules = [(r"^(aux\d)\.conv\.", r"\1.conv."), *GOOGLENET]
    network = create("googlenet_bn", auxiliary=auxiliary, dropout=0.0)
    network.load_state_dict(copy.deepcopy(renamed(randomised(reference).state_dict(), rules)))
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
