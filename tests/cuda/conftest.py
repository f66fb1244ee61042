"""What needs a CUDA device. ``STRIATE_CHECK_DEVICE=cpu`` runs all of it on the processor instead.

That proves everything but the device, so that a test is not wrong on the day when there is one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

DEVICE = os.environ.get("STRIATE_CHECK_DEVICE", "cuda")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    absent = pytest.mark.skip(reason="there is no CUDA device here")
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cuda)
            if DEVICE != "cpu" and not torch.cuda.is_available():
                item.add_marker(absent)


@pytest.fixture(scope="session")
def device() -> str:
    """Where the tests of this folder compute."""
    return DEVICE
