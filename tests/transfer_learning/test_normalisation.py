"""Weights tell how their images were normalised."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.transfer_learning.normalisation import HALF, IMAGENET, contradicted
from striate.zoo.create import create

DECLARED = Preprocessing(resize=72, height=64, width=64, mean=IMAGENET[0], std=IMAGENET[1])
USUAL = {"imagenet": DECLARED, "half": replace(DECLARED, mean=HALF[0], std=HALF[1])}


def photographs() -> torch.Tensor:
    """Discs and bars on shaded grounds: edges, not noise. uint8 (8, 64, 64, 3)."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    images = []
    for _ in range(8):
        image = torch.rand(3, generator=generator) * (0.4 + 0.6 * x[..., None] / 64)
        for _ in range(30):
            at = torch.rand(2, generator=generator) * 64
            radius = 2 + 200 ** torch.rand(1, generator=generator).item() / 10
            inside = (y - at[0]).hypot(x - at[1]) < radius
            image[inside] = torch.rand(3, generator=generator) * 0.4 + image[inside].mean() * 0.6
        images.append(image)
    return (255 * torch.stack(images)).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return create("resnet20")


def trained(network: nn.Module, preprocessing: Preprocessing) -> nn.Module:
    """`network` with the statistics that photographs so normalised leave in it."""
    found = copy.deepcopy(network).train()
    for layer in found.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0  # one batch is all
    with torch.no_grad():
        found(preprocessing.normalise(photographs()))
    return found.eval()


@pytest.mark.parametrize("real", USUAL)
@pytest.mark.parametrize("declared", USUAL)
def test_only_the_wrong_declaration_is_contradicted(
    network: nn.Module, real: str, declared: str
) -> None:
    found = contradicted(trained(network, USUAL[real]), USUAL[declared])
    assert found == (None if real == declared else USUAL[real])


def test_what_cannot_tell_contradicts_nothing(network: nn.Module) -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    assert contradicted(plain, DECLARED) is None
    grey = replace(DECLARED, channels=1, mean=(0.5,), std=(0.5,))
    assert contradicted(create("resnet20", in_channels=1).eval(), grey) is None
