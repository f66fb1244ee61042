"""A detector's file: the boxes of the detector that it is made of, without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.deploy.detectors import verify
from striate.deploy.detectors.export import export_detector
from striate.deploy.detectors.graph import Judging
from striate.detection.boxes import Boxes
from striate.detection.detector import Choice
from striate.detection.exported import ExportedDetector, is_detector_file
from striate.detection.fitting import Fitting
from striate.detection.pytorch import NetworkDetector
from striate.engines.exported import open_exported
from striate.engines.packages import need
from striate.errors import ExportError, StriateError

JUDGING = Judging(threshold=0.25, nms="greedy", iou=0.45)


def noise(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


PICTURES = [("one", noise(1, 50, 70)), ("two", noise(2, 128, 31))]


@pytest.fixture(scope="module")
def exported(
    narrow_detector: NetworkDetector, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    files = {}
    for nms in ("greedy", "none"):
        judging = Judging(threshold=0.25, nms=nms, iou=0.45)
        report = export_detector(narrow_detector, folder / f"{nms} 中.onnx", judging, PICTURES)
        assert max(report.verified.scores.values()) < 1e-5
        files[nms] = report.file
    return files


def same(one: Boxes, other: Boxes) -> None:
    assert one.classes.tolist() == other.classes.tolist()
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
    np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-2)


@pytest.mark.parametrize("choice", [Choice(0.25), Choice(0.2, limit=0.6)])
def test_a_file_gives_the_detector_s_boxes(
    exported: dict[str, Path], narrow_detector: NetworkDetector, choice: Choice
) -> None:
    image = noise(3, 90, 80)
    with ExportedDetector(exported["greedy"]) as file:
        assert file.names == narrow_detector.names
        same(file.boxes(image, choice), narrow_detector.boxes(image, choice))
        assert len(file.boxes(image, choice)) > 2
        assert file.settings["size"] == [64, 96]
        assert "threshold" in file.settings
        with pytest.raises(ExportError, match=r"`nms='iou'`: is decided within .* has greedy"):
            file.boxes(image, Choice(rule="iou"))
    with ExportedDetector(exported["greedy"], engine="openvino") as file:
        same(file.boxes(image, Choice(0.25)), narrow_detector.boxes(image, Choice(0.25)))
        with pytest.raises(ExportError, match=r"`threshold=0.2`: is decided within .* has 0.25"):
            file.boxes(image, Choice(0.2))


@pytest.mark.parametrize("in_pixels", [False, True])
def test_a_file_without_suppression_leaves_every_rule_open(
    exported: dict[str, Path], narrow_detector: NetworkDetector, in_pixels: bool
) -> None:
    image = noise(4, 40, 120)
    choice = Choice(0.3, "iou", 0.3, in_pixels=in_pixels)
    with ExportedDetector(exported["none"]) as file:
        same(file.boxes(image, choice), narrow_detector.boxes(image, choice))


def test_nothing_of_a_file_needs_torch(exported: dict[str, Path], tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(noise(5, 30, 40)).save(tmp_path / "a.png")
    code = (
        "import sys, striate; found = striate.detect(sys.argv[1], sys.argv[2]); "
        "print(len(found[0].boxes), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(exported["greedy"]), str(tmp_path / "a.png")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[1] == "False"


def test_what_is_no_detector_is_named(exported: dict[str, Path], tmp_path: Path) -> None:
    onnx = need("onnx")
    model = onnx.load(exported["greedy"])
    sound = {each.key: each.value for each in model.metadata_props}
    other = tmp_path / "other.onnx"
    for key, value, why in (
        ("detector", None, "is no detector that Striate exported"),
        ("detector", "[]", "has damaged metadata"),
        ("classes", '["a"', "has damaged metadata"),
    ):
        given = {name: text for name, text in {**sound, key: value}.items() if text is not None}
        onnx.helper.set_model_props(model, given)
        other.write_bytes(model.SerializeToString())
        with pytest.raises(ExportError, match=why):
            ExportedDetector(other)
    assert not is_detector_file(tmp_path / "none.onnx")
    with pytest.raises(ExportError, match="is a detector, not a classifier; use `striate detect`"):
        open_exported(exported["greedy"])
    other.write_bytes(b"<html>")
    with pytest.raises(ExportError, match="is no sound ONNX file"):
        ExportedDetector(other)
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    with pytest.raises(StriateError, match="has 2 names for the 3 classes"):
        ExportedDetector(exported["greedy"], tmp_path / "names.txt")


def test_a_file_that_finds_something_else_is_not_written(
    narrow_detector: NetworkDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "TOLERANCE", 0.0)
    with pytest.raises(ExportError, match=r"differs from PyTorch in ONNX Runtime by .* on one"):
        export_detector(narrow_detector, tmp_path / "a.onnx", JUDGING, PICTURES)
    assert list(tmp_path.iterdir()) == []


def test_pillow_s_resize_has_no_graph(narrow_detector: NetworkDetector, tmp_path: Path) -> None:
    other = NetworkDetector(
        narrow_detector.network,  # type: ignore[arg-type]
        narrow_detector.heads,
        Fitting((64, 96), sampling="bicubic"),
        narrow_detector.names,
    )
    with pytest.raises(ExportError, match="cannot resize as this layout's repository does"):
        export_detector(other, tmp_path / "a.onnx", JUDGING, PICTURES)


def test_the_pictures_at_hand_are_photographs_of_several_sizes() -> None:
    pictures = verify.sample_pictures()
    assert len({image.shape for _, image in pictures}) == 3
    assert all(image.dtype == np.uint8 for _, image in pictures)
