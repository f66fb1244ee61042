"""What training keeps, module by module, against what autograd saves on real tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.anatomy.costs.memory import forward_memory, kept_for_backward, training_memory
from striate.anatomy.graph.record import record
from striate.hub.resolve import resolve

sys.path.insert(0, str(Path(__file__).parent))
from dependence import Lambda

IMAGE = (1, 3, 8, 8)


def really_kept(network: nn.Module, image: Tensor) -> int:
    """The distinct pieces of memory that autograd saves, the network's own left aside."""
    own = {each.untyped_storage()._cdata for each in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}
    alive: list[object] = []

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage._cdata not in own:
            alive.append(storage)
            kept[storage._cdata] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        network(image)
    return sum(kept.values())


def check(network: nn.Module, *, training: bool = False) -> None:
    image = torch.rand(IMAGE)
    wanted = really_kept(network.train(training), image)
    assert kept_for_backward(record(network, image, training=training)) == wanted


def between(layer: nn.Module, *, out: int = 8) -> nn.Module:
    """A layer whose input and output are needed by convolutions around it."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), layer, nn.Conv2d(out, 4, 1))


def made(function: Callable[[nn.Module, Tensor], Any], layer: nn.Module) -> nn.Module:
    """What a function makes of a layer and a feature map."""
    return Lambda(
        lambda self, x: function(self.layer, self.conv(x)),
        conv=nn.Conv2d(3, 8, 3, padding=1),
        layer=layer,
    )


def tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


IN_PLACE = "Threshold RReLU Hardtanh ReLU6 Hardsigmoid SiLU Mish Hardswish ELU CELU SELU LeakyReLU"
ACTIVATIONS = (
    "Sigmoid Tanh LogSigmoid Softplus Softshrink Hardshrink Softsign Tanhshrink PReLU GELU "
    "ReLU Softmax2d"
)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", [*IN_PLACE.split(), "ReLU"])
def test_activations_also_in_place(name: str, in_place: bool) -> None:
    arguments = (0.1, 2.0) if name == "Threshold" else ()
    layer = getattr(nn, name)(*arguments, inplace=in_place)
    check(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), layer, nn.Conv2d(8, 4, 1)))


@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activations(name: str) -> None:
    check(between(getattr(nn, name)()))


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(8),
        nn.BatchNorm2d(8, affine=False),
        nn.BatchNorm2d(8, track_running_stats=False),
        nn.GroupNorm(4, 8),
        nn.InstanceNorm2d(8),
        nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
        nn.LayerNorm(8),
        nn.RMSNorm(8),
        nn.LocalResponseNorm(5),
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [False, True])
def test_normalisations(layer: nn.Module, training: bool) -> None:
    check(between(layer), training=training)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 1, 1),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveMaxPool2d(3),
        nn.LPPool2d(2, 2),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ReflectionPad2d(1),
        nn.CircularPad2d(1),
        nn.ChannelShuffle(4),
        nn.Identity(),
    ],
    ids=str,
)
def test_pools_and_what_moves_values(layer: nn.Module) -> None:
    check(between(layer))


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), nn.Dropout2d(0.3), nn.AlphaDropout(0.3)])
@pytest.mark.parametrize("training", [False, True])
def test_masks_are_kept_in_training(layer: nn.Module, training: bool) -> None:
    check(between(layer), training=training)


@pytest.mark.parametrize("mask", [None, "bool", "float"])
@pytest.mark.parametrize("weights", [False, True])
def test_multi_head_attention(weights: bool, mask: str | None) -> None:
    def forward(layer: nn.Module, x: Tensor) -> Tensor:
        rows = tokens(x)
        count = rows.shape[1]
        wanted = {"bool": torch.ones(count, count, dtype=torch.bool).triu(1)}
        wanted["float"] = torch.zeros(count, count)
        return layer(rows, rows, rows, need_weights=weights, attn_mask=wanted.get(mask or ""))[0]

    check(made(forward, nn.MultiheadAttention(8, 2, batch_first=True)))


@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("options", [{}, {"is_causal": True}], ids=["plain", "causal"])
def test_attention_is_fused(rank: int, options: dict[str, Any]) -> None:
    def forward(_: nn.Module, x: Tensor) -> Tensor:
        x = x if rank == 4 else x[0]
        return F.scaled_dot_product_attention(x * 2, x * 3, x, **options)

    check(made(forward, nn.Identity()))


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(8, 5),
        nn.GRU(8, 5, batch_first=True),
        nn.RNN(8, 5, batch_first=True),
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_sequences(layer: nn.Module) -> None:
    check(made(lambda inner, x: inner(tokens(x)[:, :10]), layer))


TARGET = torch.zeros(1, 8, 8, dtype=torch.long)
LOSSES: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "CrossEntropyLoss": lambda loss, x: loss(x, TARGET),
    "NLLLoss": lambda loss, x: loss(x.log_softmax(1), TARGET),
    "L1Loss": lambda loss, x: loss(x, x.flip(3)),
    "MSELoss": lambda loss, x: loss(x, torch.zeros_like(x)),
    "SmoothL1Loss": lambda loss, x: loss(x, torch.zeros_like(x)),
    "HuberLoss": lambda loss, x: loss(x, torch.zeros_like(x)),
    "KLDivLoss": lambda loss, x: loss(x.log_softmax(1), torch.zeros_like(x)),
    "BCELoss": lambda loss, x: loss(x.sigmoid(), torch.zeros_like(x)),
    "BCEWithLogitsLoss": lambda loss, x: loss(x, torch.zeros_like(x)),
    "PoissonNLLLoss": lambda loss, x: loss(x, torch.zeros_like(x)),
    "SoftMarginLoss": lambda loss, x: loss(x, torch.ones_like(x)),
    "TripletMarginLoss": lambda loss, x: loss(x, x.flip(2), x.flip(3)),
    "MarginRankingLoss": lambda loss, x: loss(x, x.flip(2), torch.ones_like(x)),
}


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    check(made(LOSSES[name], getattr(nn, name)()))


def test_what_is_made_of_parameters_alone_counts_as_they_do() -> None:
    """Standardised weights are made anew in each step, and kept; the weights themselves are not."""
    network = Lambda(
        lambda self, x: F.conv2d(x, self.weight - self.weight.mean((1, 2, 3), keepdim=True)),
        weight=nn.Parameter(torch.randn(4, 3, 3, 3)),
    )
    check(network)


def test_a_forward_without_a_backward_pass_is_counted_as_all_its_maps() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        self.scale.mul_(0.9)  # which autograd refuses
        return F.relu(self.conv(x)) * self.scale

    network = Lambda(forward, conv=nn.Conv2d(3, 4, 3), scale=nn.Parameter(torch.ones(1)))
    graph = record(network, torch.empty(IMAGE))
    assert graph.saved is None
    assert kept_for_backward(graph) == forward_memory(graph) == 3 * 4 * 4 * 36
    assert training_memory(graph).activations == forward_memory(graph)
    assert network.scale.item() == 1


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18", 64),
        ("googlenet_bn", 64),
        ("torchvision:mobilenet_v2", 64),
        ("torchvision:efficientnet_b0", 64),
        ("timm:deit_tiny_patch16_224", None),
    ],
)
def test_whole_networks(name: str, size: int | None) -> None:
    found = resolve(name, device="cpu", size=size)
    image = torch.rand(1, *found.input)
    wanted = really_kept(found.network.eval(), image)
    assert kept_for_backward(record(found.network, image)) == wanted
