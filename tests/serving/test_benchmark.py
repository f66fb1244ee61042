"""The measurement of the service runs, and its table has every side."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from .conftest import as_file, noise  # type: ignore[import-not-found]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "serve.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_it_compares_the_service_with_the_engine(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = importlib.util.spec_from_file_location("serve_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "serve_benchmark", module)
    spec.loader.exec_module(module)
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(as_file(noise(40, 60, seed), "JPEG"))
    given = [str(tmp_path), "--file", str(file), "--engine", "onnxruntime", "--clients", "2"]
    given += ["--requests", "20", "--rounds", "1", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr(sys, "argv", ["serve.py", *given])
    module.main()
    head, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert [row.split(" | ")[0].strip("| ") for row in rows] == ["engine alone", "striate 2"]
    assert all(row.count("|") == head.count("|") for row in rows)
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert all(row["cpu_ms"] > 0 for row in found)
