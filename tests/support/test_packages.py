"""Packages that not every installation has; those that report their use do not."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from striate.errors import ExportError
from striate.support.packages import installed, need, unreported

IMPORTS = """
import socket, sys, time
def refused(*_):
    raise SystemExit("the network was asked for")
socket.getaddrinfo = socket.socket.connect = socket.create_connection = refused
from striate.support.packages import need
from striate.errors import StriateError
for name in sys.argv[1:]:
    need(name, purpose="test", extra="export", kind=StriateError)
time.sleep(0.5)  # both report from threads of their own
"""


def test_a_package_that_is_missing_names_the_extra() -> None:
    with pytest.raises(ExportError, match=r"needed to fly, .*pip install 'striate\[wings\]'"):
        need("no_such_package", purpose="fly", extra="wings", kind=ExportError)


def test_a_folder_of_its_name_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_such_package").mkdir()
    (tmp_path / "one_such.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed("one_such")
    assert not installed("no_such_package")
    with pytest.raises(ExportError, match=r"is a folder of that name.*pip install"):
        need("no_such_package", purpose="fly", extra="wings", kind=ExportError)


@pytest.mark.skipif(
    not find_spec("openvino") or not find_spec("onnxruntime"), reason="needs both engines"
)
def test_engines_write_no_ids_and_ask_for_no_address(tmp_path: Path) -> None:
    # As on a person's machine: ONNX Runtime and OpenVINO are silent anyway where they see a CI.
    told = {"CI", "TF_BUILD", "JENKINS_URL", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY"}
    env = {key: value for key, value in os.environ.items() if key not in told}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, "openvino", "onnxruntime"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_was_there_before_is_there_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with unreported(), pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401
    assert sys.modules["openvino_telemetry"] is sys
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    monkeypatch.delitem(sys.modules, "openvino_telemetry")
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    with unreported():
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert "openvino_telemetry" not in sys.modules
    assert "ORT_DISABLE_TELEMETRY" not in os.environ
