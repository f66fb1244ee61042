"""Operators of every kind: their tables never fail, and nobody sees less than what reaches him.

Rules are looked up by ATen names; what has no rule, or lacks what its rule needs, sees everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.anatomy.compare import member
from striate.anatomy.explain import explain, explain_all
from striate.anatomy.graph.operators import NAMES, traits_of
from striate.anatomy.graph.record import record
from striate.anatomy.receptive_field.operators import RULES
from striate.anatomy.table import table
from striate.anatomy.view.build import render

sys.path.insert(0, str(Path(__file__).parent))
from dependence import Lambda, check_sound

IMAGE = (1, 4, 4, 6)


def ones(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.float64)


def conv(x: Tensor, **options: Any) -> Tensor:
    return F.conv2d(x, ones(4, 4, 3, 3), padding=1, **options)


def shifted(x: Tensor) -> Tensor:
    """Writes parts of a tensor in place, one of them at a place of its own."""
    found = torch.zeros_like(x)
    found[:, :, 1:] = x[:, :, :-1]
    found[:, :, 0, 0] = x[:, :, 3, 5]
    return found


def windowed(x: Tensor) -> Tensor:
    """Attention within windows of 2×3."""
    tokens = x.view(1, 4, 2, 2, 2, 3).permute(0, 2, 4, 3, 5, 1).reshape(4, 6, 4)
    mixed = F.softmax(tokens @ tokens.transpose(1, 2), -1) @ tokens
    return mixed.view(1, 2, 2, 2, 3, 4).permute(0, 5, 1, 3, 2, 4).reshape(1, 4, 4, 6)


def attended(x: Tensor, **options: Any) -> Tensor:
    return F.scaled_dot_product_attention(x.flip(2), x, x * 2, **options)


def twisted(x: Tensor) -> Tensor:
    """A grid that the image itself decides."""
    grid = F.affine_grid(x.mean((1, 2)).view(1, 2, 3), [1, 4, 4, 6], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


Function = Callable[[Tensor], Any]
FUNCTIONS: dict[str, Function] = {
    # Windows and what undoes them.
    "Tensor.unfold": lambda x: conv(x).unfold(2, 3, 1).mean(-1),
    "Tensor.unfold of channels": lambda x: x.unfold(1, 2, 2),
    "im2col": lambda x: F.unfold(x, 3, padding=1, stride=2),
    "fold": lambda x: F.fold(F.unfold(x, 3), (4, 6), 3),
    "max pool": lambda x: F.max_pool2d(x, 2, 1, 1, dilation=2, ceil_mode=True),
    "max pool without batch": lambda x: F.max_pool2d(x[0], 2),
    "positions of max pool": lambda x: F.max_pool2d(x, 3, 2, return_indices=True)[1],
    "max unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "average pool 1d": lambda x: F.avg_pool1d(x[0], 3, 2, 1),
    "average pool 3d": lambda x: F.avg_pool3d(x[None], 2),
    "whole average pool and back": lambda x: x + F.avg_pool2d(x, (4, 6)),
    "lp pool": lambda x: F.lp_pool2d(x.abs(), 2, 2),
    "adaptive average pool": lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    "adaptive max pool 1d": lambda x: F.adaptive_max_pool1d(x[0], 4),
    "adaptive average pool without batch": lambda x: F.adaptive_avg_pool2d(x[0], (3, 2)),
    "transposed convolution": lambda x: F.conv_transpose2d(
        x, ones(4, 1, 3, 2), stride=(2, 1), padding=1, output_padding=(1, 0), groups=2
    ),
    "convolution without batch": lambda x: F.conv2d(x[0], ones(2, 4, 3, 3)),
    "convolution 1d": lambda x: F.conv1d(x[0], ones(2, 4, 3)),
    "convolution 3d": lambda x: F.conv3d(x[None], ones(2, 1, 2, 3, 3)),
    "convolution with itself": lambda x: F.conv2d(x, x[:, :, 1:3, 2:4]),
    "convolution of a constant": lambda x: F.conv2d(ones(1, 4, 4, 6), x[:, :, :3, :3]),
    "convolution in time": lambda x: torch.conv_tbc(x[0], ones(3, 6, 5), ones(5)),
    # Order and place.
    "flip, then a kernel": lambda x: conv(conv(x, stride=2).flip(3)),
    "flip twice": lambda x: conv(conv(x).flip(2, 3)).flip(3),
    "flip of nothing": lambda x: x.flip(()),
    "flip beside what it flips": lambda x: conv(torch.cat((x, x.flip(3)), 1)[:, 2:6]),
    "roll": lambda x: x.roll((1, 2), (2, 3)),
    "roll of all axes as one": lambda x: torch.roll(x, 3),
    "roll of no axes, which is all": lambda x: torch.roll(x, (3,), ()),
    "rotation": lambda x: x.rot90(1, (2, 3)),
    "transpose": lambda x: conv(x).mT,
    "split": lambda x: torch.cat(x.chunk(2, 3)[::-1], 1),
    "unbind": lambda x: torch.stack(x.unbind(2)[::-1], 2),
    "parts of several shapes": lambda x: torch.split_with_sizes_copy(x, [1, 3], 2)[1],
    "slices with steps": lambda x: x[:, :, 1:, ::2],
    "views": lambda x: x.view(1, 2, 2, 4, 6).permute(0, 3, 4, 1, 2).flatten(1, 2),
    "views that mix": lambda x: x.reshape(1, 8, 6, 2),
    "view of other numbers": lambda x: x.view(torch.int32),
    "as strided": lambda x: x.as_strided((1, 4, 4, 2), (96, 24, 6, 3)),
    "writes into parts": shifted,
    "in place": lambda x: (x + 1).add_(x.flip(3)).transpose_(2, 3),
    "diagonal": lambda x: x.diagonal(dim1=2, dim2=3),
    "triangle": lambda x: x.tril(),
    "pixel shuffle": lambda x: F.conv2d(F.pixel_shuffle(x, 2), ones(1, 1, 3, 3)),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "channel shuffle": lambda x: F.channel_shuffle(x, 2),
    "circular padding": lambda x: F.conv2d(
        F.pad(x, (1, 1, 1, 1), mode="circular"), ones(2, 4, 3, 3)
    ),
    "reflecting padding": lambda x: F.conv2d(
        F.pad(x, (2, 1, 0, 1), mode="reflect"), ones(2, 4, 2, 2)
    ),
    "negative padding": lambda x: F.pad(x, (-1, 2, 0, -2)),
    "repeat": lambda x: x.repeat(1, 1, 2, 1),
    "repeat along new axes": lambda x: x.repeat(2, 1, 1, 1, 3),
    "repeat interleave": lambda x: x.repeat_interleave(2, 2),
    "expand": lambda x: x * x.mean(2, keepdim=True).expand_as(x),
    # Chosen by index or value.
    "gather by itself": lambda x: x.gather(3, (x > 0).long()),
    "scatter": lambda x: torch.zeros_like(x).scatter(2, torch.zeros(IMAGE, dtype=torch.long), x),
    "index select": lambda x: x.index_select(2, torch.tensor([3, 1])),
    "index": lambda x: x[:, :, torch.tensor([2, 0])],
    "take along": lambda x: x.take_along_dim(x.argsort(2), 2),
    "where": lambda x: torch.where(x.roll(1, 2) > 0, x, -x),
    "masked fill": lambda x: x.masked_fill(x > 0, 0),
    "embedding": lambda x: F.embedding((x > 0).long(), torch.eye(2, dtype=x.dtype)),
    "one hot": lambda x: F.one_hot((x > 0).long(), 2),
    "grid sample": twisted,
    "sort": lambda x: x.sort(2).values,
    "positions of sort": lambda x: x.sort(3).indices,
    "topk": lambda x: x.topk(3, 3).values,
    "median": lambda x: x.median(3).values,
    "argmax": lambda x: x.argmax(2),
    "quantile": lambda x: x.quantile(0.5, 2),
    # Along an axis.
    "cumulative sum": lambda x: x.cumsum(2),
    "cumulative maximum": lambda x: x.cummax(3).values,
    "glu along channels": lambda x: F.glu(x, 1),
    "glu along height": lambda x: F.glu(x, 2),
    "softmax": lambda x: x.softmax(2),
    "norm": lambda x: F.normalize(x, dim=3),
    "variance": lambda x: torch.var_mean(x, 2)[1],
    "difference": lambda x: x.diff(dim=2),
    "fourier transform": lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * 2),
    "fourier transform of rows": lambda x: torch.fft.fft(x).abs(),
    # Normalisations, by what makes their statistics.
    "layer norm": lambda x: F.layer_norm(x, (6,)),
    "layer norm with weights of the image": lambda x: F.layer_norm(ones(2, 6), (6,), x[0, 0, 0]),
    "group norm": lambda x: F.group_norm(x, 2),
    "instance norm": F.instance_norm,
    "batch norm in training": lambda x: F.batch_norm(x, None, None, training=True),
    "batch norm at prediction": lambda x: F.batch_norm(x, ones(4), ones(4)),
    "local response norm": lambda x: F.local_response_norm(x, 3),
    # Products.
    "rows by columns": lambda x: x @ x.mT,
    "square": lambda x: x[..., :4] @ x[..., :4],
    "matrix on the left": lambda x: ones(5, 4) @ x,
    "matrix on the right": lambda x: x @ ones(6, 5),
    "vector": lambda x: x @ ones(6),
    "sum of products": lambda x: torch.baddbmm(x[0], x[0, :, :, :3], ones(4, 3, 6)),
    "outer product": lambda x: torch.outer(x[0, 0, :, 0], x[0, 0, 0]),
    "einsum": lambda x: torch.einsum("bchw,bciw->bhi", x, x),
    "bilinear": lambda x: F.bilinear(x, x, ones(3, 6, 6)),
    "distances": lambda x: torch.cdist(x, x),
    "weights of the image": lambda x: F.linear(x, x[0, 0]),
    "determinant": lambda x: torch.linalg.det(x[..., :4]),
    "attention": attended,
    "attention without batch": lambda x: F.scaled_dot_product_attention(x[0], x[0], x[0]),
    "causal attention": lambda x: attended(x, is_causal=True),
    "masked attention": lambda x: attended(x, attn_mask=torch.ones(4, 4, dtype=torch.bool).tril()),
    "attention masked by the image": lambda x: attended(x, attn_mask=x[..., :4]),
    "attention in windows": lambda x: conv(windowed(x)),
    # Interpolation.
    **{
        f"{mode} to {size}": lambda x, m=mode, s=size: F.interpolate(x, size=s, mode=m)
        for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area")
        for size in ((8, 9), (3, 5), (1, 1))
    },
    "bilinear with corners": lambda x: F.interpolate(
        x, (7, 9), mode="bilinear", align_corners=True
    ),
    "bilinear, smoothed": lambda x: F.interpolate(x, (3, 9), mode="bilinear", antialias=True),
    "nearest by a scale": lambda x: F.interpolate(x, scale_factor=1.7),
    "bilinear by a scale": lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"),
    "linear 1d": lambda x: F.interpolate(x[0], size=5, mode="linear"),
    "trilinear": lambda x: F.interpolate(x[None], size=(3, 3, 4), mode="trilinear"),
    # Losses.
    "cross entropy": lambda x: F.cross_entropy(x, torch.zeros(1, 4, 6, dtype=torch.long)),
    "cross entropy, unreduced": lambda x: F.cross_entropy(
        x, torch.zeros(1, 4, 6, dtype=torch.long), reduction="none"
    ),
    "mean squared error": lambda x: F.mse_loss(x, x.flip(3), reduction="none"),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_sees_less_than_what_reaches_it(name: str) -> None:
    function = FUNCTIONS[name]
    image = torch.randn(IMAGE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    graph = check_sound(Lambda(lambda _, x: function(x)), image)
    rows = table(graph).rows
    assert sum(row.memory for row in rows) == table(graph).totals.memory
    table(graph, depth=1).to_json()
    member(graph).to_json()
    assert len([each.to_json() for each in explain_all(graph)]) == len(rows)
    for node in graph.nodes:
        explain(graph, node.name).to_json()


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM(6, 5, batch_first=True),
        nn.GRU(6, 5, 2, batch_first=True, bidirectional=True),
        nn.RNN(6, 5, batch_first=True),
        nn.TransformerEncoderLayer(6, 2, 8, batch_first=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_sequences(layer: nn.Module) -> None:
    network = Lambda(lambda self, x: self.layer(x[0]), layer=layer).double()
    graph = check_sound(network, torch.randn(1, 1, 4, 6, dtype=torch.float64))
    assert explain(graph, "layer").to_json()


def test_pages_of_what_the_catalogue_does_not_hold() -> None:
    for name in ("Tensor.unfold", "max pool without batch", "attention in windows", "fold"):
        function = FUNCTIONS[name]
        network = Lambda(lambda _, x, f=function: f(x))
        assert "<html" in render(record(network, torch.empty(IMAGE, dtype=torch.float64)))


def test_no_two_operators_share_a_readable_name_and_differ_in_what_they_do() -> None:
    """`im2col` and `Tensor.unfold` did, and the rule of one met the other's attributes."""
    rules: dict[str, set[object]] = {}
    for base in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, base)
        if not hasattr(packet, "overloads") or "backward" in base:
            continue
        key = traits_of(getattr(packet, packet.overloads()[0])).key
        if key in RULES:
            name = NAMES.get(key) or key.strip("_").replace("_", " ")
            rules.setdefault(name, set()).add(RULES[key][1])
    assert len(rules) > 40
    shared = {name for name, found in rules.items() if len(found) > 1}
    assert not shared


def test_an_operator_of_another_library_is_not_taken_for_pytorchs() -> None:
    with torch.library._scoped_library("striate_test", "FRAGMENT") as library:
        library.define("relu(Tensor x) -> Tensor")
        library.impl("relu", lambda x: x.cumsum(3), "CompositeExplicitAutograd")
        network = Lambda(lambda _, x: torch.ops.striate_test.relu(x))
        image = torch.randn(IMAGE, dtype=torch.float64)
        graph = check_sound(network, image)
        assert graph.nodes[-1].operator == "striate test.relu"
        assert table(graph).rows[-1].receptive_field == (4, 6)
