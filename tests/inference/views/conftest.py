from __future__ import annotations

from pathlib import Path

import pytest

import striate


@pytest.fixture(scope="session")
def seen(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small network of 32 pixels, that crops its images."""
    out = tmp_path_factory.mktemp("views") / "run"
    given = {"net": "resnet20", "epochs": 1, "batch_size": 8, "workers": 0}
    return striate.train(photographs, out=out, **given).run


@pytest.fixture(scope="session")
def exported(seen: Path) -> Path:
    """Its file."""
    for needed in ("onnxruntime", "openvino"):
        pytest.importorskip(needed)
    return striate.export(seen, seen.parent / "run.onnx", capture="trace").file
