"""What networks take, as they or their first layers say it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from striate.hub.first_layer import image_channels, is_shape
from striate.hub.input_shapes import input_shapes
from striate.zoo.weightless import weightless


class Noting(nn.Module):
    """A network that notes, as timm's do, what it was trained on."""

    def __init__(self, channels: int, *before: nn.Module) -> None:
        super().__init__()
        self.pretrained_cfg = {"input_size": (3, 32, 32)}
        self.before = nn.Sequential(*before)
        self.conv = nn.Conv2d(channels, 4, 3)


@pytest.mark.parametrize("channels", [48, 27, 12, 6, 3, 1])
def test_channels_are_those_of_the_first_convolution(channels: int) -> None:
    assert input_shapes("net", Noting(channels)) == ((channels, 32, 32),)


def test_pixels_of_squares_that_are_made_channels_are_no_colours() -> None:
    assert image_channels(Noting(48, nn.PixelUnshuffle(4))) == 3
    assert image_channels(Noting(12, nn.PixelUnshuffle(2))) == 3
    assert image_channels(Noting(16, nn.PixelUnshuffle(2), nn.PixelUnshuffle(2))) == 1
    # What it folds is no whole number of channels: it is not before the convolution.
    assert image_channels(Noting(6, nn.PixelUnshuffle(4))) == 6
    assert image_channels(nn.Sequential(nn.Conv2d(12, 4, 3), nn.PixelUnshuffle(2))) == 12
    assert image_channels(nn.Sequential(nn.Linear(2, 2))) == 3


def test_timm_s_folding_networks_take_colours_and_its_others_what_they_are_made_for() -> None:
    timm = pytest.importorskip("timm")
    with weightless():
        folding = timm.create_model("tresnet_m")
        grey = timm.create_model("tresnet_m", in_chans=1)
        many = timm.create_model("resnet18", in_chans=12)
    assert [input_shapes("net", each)[0][0] for each in (folding, grey, many)] == [3, 1, 12]
    assert folding(torch.zeros(1, 3, 64, 64, device="meta")).shape == (1, 1000)


def test_what_is_a_shape() -> None:
    assert is_shape((3, 224, 224))
    assert is_shape(torch.Size([1]))
    assert not any(map(is_shape, ((), (0, 1), (3, 2.0), "33", None, 3)))
