"""Detectors that are quick to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
