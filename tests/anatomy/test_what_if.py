"""What-if questions: the textbook's answers, PyTorch's, and what cannot be read."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from striate.anatomy.show.text import ratio
from striate.anatomy.what_if import WhatIf, what_if
from striate.errors import NetworkError


def test_a_reduction_before_a_large_kernel() -> None:
    wide, narrow = what_if(["5x5 128->256 @100x100", "1x1 128->32, 5x5 32->256"])
    assert wide.macs == 8_192_000_000
    assert narrow.macs == 2_088_960_000
    assert ratio(wide.macs, narrow.macs) == "3.92 times fewer"
    assert wide.output == narrow.output == (256, 100, 100)
    assert wide.receptive_field == narrow.receptive_field == (5, 5)


def test_factorised_kernels() -> None:
    square, pair = what_if(["3x3 64->64 nobias", "1x3 64->64 nobias, 3x1 64->64 nobias"])
    assert 3 * pair.parameters == 2 * square.parameters
    assert 3 * pair.macs == 2 * square.macs
    assert pair.receptive_field == (3, 3)
    five, threes = what_if(["5x5 8->8 nobias", "3x3 8->8 nobias, 3x3 8 -> 8 nobias"])
    assert five.parameters == 25 * 64
    assert threes.parameters == 18 * 64
    assert threes.receptive_field == five.receptive_field


def test_the_classifier_of_googlenet() -> None:
    flat, pooled = what_if(["flatten 7x7x1024 -> 1000", "gap 7x7x1024 → 1000"])
    assert (flat.parameters, pooled.parameters) == (50_177_000, 1_025_000)
    assert [step.operator for step in pooled.steps] == ["global average pool", "linear"]
    assert str(flat.steps[0].lines[1]) == "parameters: (50176 + 1)·1000 = 50,177,000"


def module(text: str) -> nn.Module:
    return {
        "7x7 3->64 s2, max 3x3 s2 p1 ceil, 3x3 64->32 s2x1 d2 g4": nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
            nn.Conv2d(64, 32, 3, (2, 1), 2, 2, 4),
        ),
        "5×3 3→6 p0, avg 2×2, flatten → 10": nn.Sequential(
            nn.Conv2d(3, 6, (5, 3)), nn.AvgPool2d(2), nn.Flatten(), nn.LazyLinear(10)
        ),
        "1x1 3->4 nobias, gap, linear 4->7, linear ->2": nn.Sequential(
            nn.Conv2d(3, 4, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(4, 7), nn.Linear(7, 2),
        ),
    }[text]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "7x7 3->64 s2, max 3x3 s2 p1 ceil, 3x3 64->32 s2x1 d2 g4",
        "5×3 3→6 p0, avg 2×2, flatten → 10",
        "1x1 3->4 nobias, gap, linear 4->7, linear ->2",
    ],
)
def test_layers_are_what_pytorch_makes_of_them(text: str) -> None:
    (found,) = what_if([text + " @37x41"])
    network = module(text)
    output = network(torch.zeros(1, 3, 37, 41))
    assert output.shape[1:].numel() == torch.Size(found.output).numel()
    assert output.shape[1] == found.output[0]
    assert sum(each.numel() for each in network.parameters()) == found.parameters


def test_json_holds_the_arithmetic() -> None:
    (found,) = what_if(["3x3 4->8 s2 @9"])
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["layers"][0]["arithmetic"][0] == {
        "what": "height and width",
        "rule": "1 + ⌊(n − k + 2p) / s⌋",
        "filled": "1 + ⌊(9 − 3 + 2·1) / 2⌋",
        "value": 5,
    }
    assert plain["receptive_field"] == [3, 3]
    assert plain["layers"][0]["jump"] == [2, 2]
    assert isinstance(found, WhatIf)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5x5", "has no channels; write IN->OUT"),
        ("5x5 3->", r"'3->' is not understood"),
        ("5x5 3->4 foo", r"layer '5x5 3->4 foo': 'foo' is not understood; write layers like"),
        ("", "is empty"),
        ("3->4", "has no kernel"),
        ("5x5 3->4, 3x3 5->6", "takes 5 channels, and the layer before it gives 4"),
        ("gap s2 7x7x3 -> 4", "gap takes no kernel, stride"),
        ("1x1 3->4, max 2x2 4->8", "pooling leaves the channels"),
        ("1x1 3->4, 3x3", "has no output channels"),
        ("9x9 1->2 p0 @4", "larger than its 4×4 input"),
        ("3x3 4->4 g3", "3 groups do not divide 4 and 4 channels"),
        ("1x1 3->4 @2, linear 5->4", "takes 5 values, and the layer before it gives 16"),
        ("linear 5->4, linear", "has no outputs"),
        ("0x3 1->1", "at least 1"),
        ("3x3 1->2 s0", "at least 1"),
        ("3x3 1->2 @3, 1x1 2->2 @4", "grid is given twice"),
    ],
)
def test_what_cannot_be_counted_is_named(text: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        what_if([text])


def test_ratios_in_words() -> None:
    assert [ratio(4, 4), ratio(4, 6), ratio(4, 0), ratio(0, 4)] == [
        "as many", "1.50 times as many", "none", "–",
    ]  # fmt: skip
