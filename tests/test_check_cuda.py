"""The script that takes tests to a machine with a CUDA device: what it packs, what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def script(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(ROOT / "tools" / "check_cuda.sh"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": sys.executable, **environment},
    )


def test_what_is_packed_is_pinned_and_leaves_pytorch_where_it_is() -> None:
    done = script("wheels", PRESENT="numpy OpenVINO")
    assert done.returncode == 0, done.stderr
    listed = dict(line.split("==") for line in done.stdout.splitlines())
    pins = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    assert {f"{name}=={version}" for name, version in listed.items()} <= set(pins)
    assert {"pytest", "scikit-learn", "safetensors", "onnxruntime", "setuptools"} <= set(listed)
    # What one needs is packed with it, and what another would drag in with PyTorch is not.
    assert "markupsafe" in listed
    left_out = ("torch", "torchvision", "triton", "timm", "numpy", "openvino")
    assert not set(left_out) & set(listed)
    assert not any(name.startswith(("nvidia", "cuda")) for name in listed)


@pytest.mark.parametrize("arguments", [(), ("nonsense",)])
def test_without_a_command_it_says_what_there_is(arguments: tuple[str, ...]) -> None:
    done = script(*arguments)
    assert done.returncode == 2
    assert "pack FOLDER" in done.stderr
    assert "run  FOLDER" in done.stderr


def test_a_device_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    done = script("run", str(tmp_path), CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "there is no CUDA device" in done.stderr
