"""ZFNet at a tenth of its width: normalisation after the pools, gradients, learning."""

import pytest
import torch
import torch.nn.functional as F

from striate.errors import NetworkError
from striate.zoo.create import create
from striate.zoo.zfnet import TABLE, ZFNet

NARROW = (12, 24, 24, 24, 24, 48, 48)


def test_the_table_is_the_network() -> None:
    with torch.device("meta"):
        network = create("zfnet")
        seen = {}
        for name, layer in network.named_children():
            layer.register_forward_hook(
                lambda _layer, _inputs, output, name=name: seen.update({name: output.shape[1:]})
            )
        network(torch.empty(1, 3, 224, 224))
    for name, maps, kernel, stride, padding, grid in TABLE:
        layer = getattr(network, name)
        assert tuple(seen[name]) == ((maps,) if name.startswith("fc") else (maps, grid, grid))
        if name.startswith("conv"):
            assert layer.kernel_size == (kernel, kernel)
            assert (layer.stride[0], layer.padding[0]) == (stride, padding)


def test_another_size_is_refused() -> None:
    with torch.device("meta"):
        network, image = create("zfnet", classes=2), torch.empty(1, 3, 225, 225)
    with pytest.raises(NetworkError, match=r"ZFNet takes \(N, 3, 224, 224\)"):
        network(image)


def test_eight_images_are_learnt_and_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = ZFNet(NARROW, classes=2, dropout=0.0).train()
    for layer in network.children():  # the paper's start is for its width
        if hasattr(layer, "weight"):
            torch.nn.init.kaiming_normal_(layer.weight)
    images, labels = torch.randn(8, 3, 224, 224), torch.tensor([0, 1] * 4)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(40):
        loss = F.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            for key, parameter in network.named_parameters():
                assert parameter.grad.abs().sum() > 0, key
        optimiser.step()
        if loss < 0.1:
            break
    assert loss < 0.1
