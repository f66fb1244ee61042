"""A backbone that costs nothing, and images that it tells apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import striate


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of LeNet with the weights that it begins with, of which nothing may be changed."""
    folder = tmp_path_factory.mktemp("backbones") / "lenet"
    striate.create_run("lenet", folder, classes=10)
    return folder


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Sixty handwritten digits, uint8 (60, 8, 8), of three classes."""
    from sklearn.datasets import load_digits

    found = load_digits(n_class=3)
    images = np.round(found.images[:60] * (255 / 16)).astype(np.uint8)
    return images, np.array(["zero", "one", "<b>二"])[found.target[:60]]
