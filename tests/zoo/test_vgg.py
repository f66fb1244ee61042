"""The paper's two lesser columns, A-LRN and C."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.zoo.create import create
from striate.zoo.layers import LocalResponseNorm


def test_a_lrn_is_a_with_one_normalisation() -> None:
    with torch.device("meta"):
        plain, normed = create("vgg11"), create("vgg11_lrn")
    norms = [name for name, m in normed.named_modules() if isinstance(m, LocalResponseNorm)]
    assert norms == ["conv1.2"]  # after the first convolution and its ReLU
    assert normed.state_dict().keys() == plain.state_dict().keys()


def test_c_has_a_1x1_at_the_end_of_the_later_stages() -> None:
    with torch.device("meta"):
        network = create("vgg16_c")
    kernels = [
        tuple(layer.kernel_size[0] for layer in stage if isinstance(layer, nn.Conv2d))
        for stage in (network.conv1, network.conv2, network.conv3, network.conv4, network.conv5)
    ]
    assert kernels == [(3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)]


def narrow(name: str) -> nn.Module:
    """With 32 units in the dense layers: the paper's hold nine tenths of the weights."""
    with torch.device("meta"):
        network = create(name, classes=2, dropout=0.0)
        network.fc6, network.fc7 = nn.Linear(512 * 49, 32), nn.Linear(32, 32)
        network.fc8 = nn.Linear(32, 2)
    network.to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
    return network.train()


@pytest.mark.parametrize("name", ["vgg11_lrn", "vgg16_c"])
def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    network = narrow(name)
    F.cross_entropy(network(torch.randn(4, 3, 32, 32)), torch.tensor([0, 1, 0, 1])).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, key
