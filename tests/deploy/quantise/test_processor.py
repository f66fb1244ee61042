from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.deploy.quantise import processor
from striate.deploy.quantise.measuring import open_network
from striate.deploy.quantise.processor import WithoutVnni, has_vnni
from striate.engines.exported import ExportedFile
from striate.errors import ExportError


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"architecture": "x86_64", "avx2": True}, False),
        ({"architecture": "x86_64", "avx512_vnni": True}, True),
        ({"architecture": "AMD64", "avx_vnni": True}, True),
        ({"architecture": "aarch64"}, None),
        ({}, None),
    ],
)
def test_what_a_processor_has(
    found: dict[str, Any], expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(processor, "capabilities", lambda: found)
    assert has_vnni() is expected


def test_a_processor_that_is_kept_from_using_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"architecture": "x86_64", "avx512_vnni": True}
    monkeypatch.setattr(processor, "capabilities", lambda: found)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert has_vnni() is False


def test_another_process_computes_the_same_float_network(exported: ExportedFile) -> None:
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8) for n in (4, 4, 1)]
    network = exported.graph  # behind its seam
    found = list(WithoutVnni(network, (3, 16, 16), 4).run(batches))
    with open_network(network, "onnxruntime", (3, 16, 16), 4) as session:
        expected = list(session.run(batches))
    assert [each.shape for each in found] == [(4, 3), (4, 3), (1, 3)]
    assert max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True)) < 1e-4


def test_a_process_that_cannot_have_the_network(tmp_path: Path) -> None:
    images = np.zeros((1, 16, 16, 3), np.uint8)
    with pytest.raises(ExportError, match="OpenVINO without VNNI: its process ended"):
        list(WithoutVnni(b"no network", (3, 16, 16), 1).run([images]))
