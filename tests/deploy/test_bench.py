"""What is measured is the network's, in every engine at hand, and adds up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import striate
from striate.cli.main import app
from striate.errors import DataError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openvino")
    out = tmp_path_factory.mktemp("bench") / "run"
    made = striate.train("digits", net="lenet", epochs=1, out=out, workers=0).run
    striate.export(made, out / "net.onnx", capture="trace")
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (30, 40), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    (folder / "bad.jpg").write_bytes(b"no image")
    return folder


def test_a_file_and_its_run_have_the_same_network(run: Path, pictures: Path) -> None:
    whole = striate.bench(run, data=pictures, seconds=0.001)
    file = striate.bench(run / "net.onnx", seconds=0.001)
    macs = striate.table("lenet").totals.macs
    assert whole.macs == file.macs == macs
    assert whole.input == file.input == (1, 32, 32)
    engines = {each.engine for each in whole.engines}
    assert engines >= {"torch float32", "onnxruntime float32", "openvino float32"}
    assert {each.engine for each in file.engines} >= {"onnxruntime float32", "openvino float32"}
    assert not any(each.engine.startswith("torch") for each in file.engines)
    assert (whole.files, file.files) == (3, 0)
    for each in whole.engines:
        assert each.images_per_second > 0
        assert each.latency > 0
        assert each.from_files is not None
        assert each.share == pytest.approx(each.images_per_second * macs / whole.peak)
    speeds = [each.images_per_second for each in whole.engines]
    assert speeds == sorted(speeds, reverse=True)
    assert "onnxruntime float32" in whole.summary()


def test_the_command_prints_what_python_gives(run: Path, pictures: Path) -> None:
    given = ["bench", str(run / "net.onnx"), "--data", str(pictures), "--seconds", "0.001"]
    done = CliRunner().invoke(app, [*given, "--images", "1", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["files"], found["input"]) == (1, [1, 32, 32])
    assert found["engines"][0]["from_files"] > 0


def test_images_of_which_none_can_be_read(run: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match=r"bad\.jpg: is in no image format"):
        striate.bench(run / "net.onnx", data=pictures / "bad.jpg")


def test_networks_of_numbers_are_measured_too(numbers: Path, number_pictures: Path) -> None:
    file = striate.bench(numbers / "lenet.onnx", data=number_pictures, seconds=0.001)
    whole = striate.bench(numbers, seconds=0.001)
    assert (file.files, file.macs) == (3, whole.macs)
    assert {each.engine for each in file.engines} < {each.engine for each in whole.engines}
