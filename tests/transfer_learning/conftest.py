"""A small random backbone and a few images, which nothing may change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.data.scan import digest_of_pixels
from striate.hub.surgery import Headless
from striate.runs.weights import digest
from striate.transfer_learning.backbone import Backbone
from striate.zoo.create import create


def make_images(count: int, *, side: int = 40, seed: int = 0) -> ImageSet:
    """Random pictures of two classes, in memory."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)
    return ImageSet(
        classes=("a", "b"),
        labels=np.arange(count, dtype=np.int64) % 2,
        names=[f"image {index}" for index in range(count)],
        digests=[digest_of_pixels(image) for image in pixels],
        sizes=np.full((count, 2), side, np.int32),
        grey=np.zeros(count, np.bool_),
        pixels=pixels,
    )


def make_backbone(seed: int = 0) -> Backbone:
    """ResNet-20 with random weights for images of 32 pixels."""
    torch.manual_seed(seed)
    network = Headless(create("resnet20"), "fc").eval()
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    return Backbone(
        name="small",
        spec="resnet20",
        network=network,
        preprocessing=Preprocessing(resize=36, height=32, width=32, mean=mean, std=std),
        classes=None,
        weights_digest=digest(network.state_dict()),
        origin="chance",
    )


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return make_backbone()


@pytest.fixture(scope="session")
def images() -> ImageSet:
    return make_images(21)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
