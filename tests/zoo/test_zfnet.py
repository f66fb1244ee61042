"""ZFNet: Fig. 3's table, the size it takes."""

import pytest
import torch

from striate.errors import NetworkError
from striate.zoo.create import create
from striate.zoo.zfnet import TABLE


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
