"""`striate evaluate` and `striate export` of a detector, which they tell from a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import striate
from striate.cli.detectors import is_detector
from striate.cli.main import app
from striate.detection.weights.darknet import Header, sizes, write_darknet
from striate.detection.weights.order import taken_from
from striate.errors import StriateError
from striate.zoo.create import DETECTORS
from striate.zoo.yolov4 import YOLOv4Tiny

sys.path.insert(0, str(Path(__file__).parents[1] / "detection"))
from darknet_files import conditioned

NAMES = "cell\n<b>绿\ndog\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a narrow network, a picture, and a label file in YOLO's form."""
    found = tmp_path_factory.mktemp("detector")
    network = conditioned(YOLOv4Tiny(width=1 / 16, classes=3), eps=1e-5)
    for head in (network.head4, network.head5):
        head.out.bias.data += 0.5
    write_darknet(found / "small.weights", taken_from(network), Header())
    (found / "images").mkdir()
    (found / "labels").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    Image.fromarray(pixels).save(found / "images" / "a b.png")
    (found / "labels" / "a b.txt").write_text("0 .5 .5 .4 .4\n1 .3 .3 .5 .5\n")
    (found / "names.txt").write_text(NAMES, "utf-8")
    return found


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        DETECTORS, "yolov4_tiny", lambda **options: YOLOv4Tiny(width=1 / 16, **options)
    )
    sizes.cache_clear()


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_detector_is_exported_used_and_measured(folder: Path) -> None:
    weights, picture = folder / "small.weights", folder / "images"
    shared = ["--size", "64", "--names", folder / "names.txt"]
    told = run(
        "export", weights, *shared, "--threshold", "0.3", "-o", folder / "small.onnx",
        "--images", picture,
    )  # fmt: skip
    assert "yolov4_tiny at 64×64, 3 classes" in told
    assert "verified on 1 pictures" in told
    of_weights = json.loads(run("detect", weights, picture, *shared, "--json"))
    of_file = json.loads(run("detect", folder / "small.onnx", picture, "--json"))
    boxes = of_weights["images"][0]["boxes"]
    assert len(boxes) > 2
    assert [each["class"] for each in of_file["images"][0]["boxes"]] == [
        each["class"] for each in boxes
    ]
    page = folder / "page.html"
    found = json.loads(run("evaluate", weights, folder, *shared, "-o", page, "--json"))
    assert (found["boxes"], found["images"]) == (2, 1)
    assert found["page"] == str(page.resolve())
    assert "&lt;b&gt;绿" in page.read_text("utf-8")
    again = json.loads(run("evaluate", folder / "small.onnx", folder, "--json"))
    assert again["ap"] == pytest.approx(found["ap"], abs=0.02)
    assert "AP50" in run("evaluate", folder / "small.onnx", folder)


def test_a_run_and_a_detector_are_told_apart(folder: Path) -> None:
    assert is_detector(folder / "small.weights", None)
    assert is_detector("yolov4", "elsewhere.weights")
    assert is_detector("there is none.weights", None)
    assert not is_detector(folder, None)
    assert not is_detector("a run", None)
    assert not is_detector("none.onnx", None)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["evaluate", "small.weights"], "is missing; give labelled boxes"),
        (["evaluate", "small.weights", ".", "--crops", "10"], "does not go with a detector"),
        (["evaluate", "images", "--iou", "0.3"], "does not go with a run"),
        (["evaluate", "small.weights", "images"], "holds no labelled boxes"),
        (["export", "small.weights", "--cam"], "does not go with a detector"),
        (["export", "images", "--nms", "none"], "does not go with a run"),
        (["evaluate", "small.weights", ".", "--images", "gone"], "there is no such folder"),
    ],
)
def test_what_does_not_go_together_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], why: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(StriateError, match=why):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_python_does_what_the_commands_do(folder: Path) -> None:
    found = striate.evaluate_detector(
        folder / "small.weights", folder, size=64, names=folder / "names.txt"
    )
    assert [each.name for each in found.per_class] == ["cell", "<b>绿"]
    report = striate.export_detector(
        folder / "small.weights", folder / "raw.onnx", size=64, nms="none", images=folder / "images"
    )
    assert report.to_json()["judging"]["nms"] == "none"
    assert "no suppression" in report.summary()
