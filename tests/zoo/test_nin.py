"""NiN: what embed gives, which sizes it takes, how it starts."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.errors import NetworkError
from striate.zoo.create import create


def test_the_classifier_is_a_convolution_whose_rectified_maps_are_averaged() -> None:
    torch.manual_seed(0)
    network = create("nin_cifar", classes=4).eval()
    images = torch.randn(2, 3, 24, 24)
    with torch.inference_mode():
        map_ = network.features(images)
        assert torch.equal(network.embed(images), map_.mean((2, 3)))
        weight, bias = network.cccp6.weight[:, :, 0, 0], network.cccp6.bias
        each = torch.einsum("nchw,kc->nkhw", map_, weight) + bias[:, None, None]
        torch.testing.assert_close(network(images), F.relu(each).mean((2, 3)))


@pytest.mark.parametrize(("name", "least"), [("nin", 39), ("nin_cifar", 8)])
def test_any_size_from_the_least_up(name: str, least: int) -> None:
    with torch.device("meta"):
        network = create(name, classes=3)
    for size in (least, least + 1, 100):
        assert network(torch.empty(2, 3, size, size, device="meta")).shape == (2, 3)
    with pytest.raises(NetworkError, match=f"≥{least}"):
        network(torch.empty(2, 3, least - 1, 100, device="meta"))


def test_layers_start_with_the_deviations_of_the_authors_files() -> None:
    network = create("nin", classes=100)
    for name, layer in network.named_children():
        if isinstance(layer, nn.Conv2d):
            wanted = 0.01 if name in ("conv1", "conv3", "cccp8") else 0.05
            assert abs(float(layer.weight.detach().std()) / wanted - 1) < 0.03, name
            assert not layer.bias.any()
