"""Detectors that are quick to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from striate.detection.fitting import Fitting
from striate.detection.pytorch import NetworkDetector
from striate.detection.weights.darknet import sizes
from striate.zoo.create import DETECTORS
from striate.zoo.yolov4 import YOLOv4, YOLOv4Tiny


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue's detectors at an eighth of their widths, whose files are told by size too."""
    for name, make in (("yolov4", YOLOv4), ("yolov4_tiny", YOLOv4Tiny)):
        monkeypatch.setitem(
            DETECTORS, name, lambda make=make, **options: make(width=1 / 8, **options)
        )
    sizes.cache_clear()
    yield
    sizes.cache_clear()


@pytest.fixture(scope="session")
def narrow_detector() -> NetworkDetector:
    """A sixteenth of YOLOv4-tiny with random weights, three classes, 64 × 96: many boxes."""
    torch.manual_seed(0)
    network = YOLOv4Tiny(classes=3, width=1 / 16).eval()
    for head in (network.head4, network.head5):
        torch.nn.init.normal_(head.out.weight, std=1.5)
    return NetworkDetector(
        network.requires_grad_(requires_grad=False),
        network.heads,
        Fitting((64, 96)),
        ("cell", "<b>细胞", "dog"),
        told={"network": "yolov4_tiny", "layout": "Darknet", "epsilon": 1e-5},
    )
