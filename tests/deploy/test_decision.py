"""A file with a threshold says what it is unsure of, by itself and in whatever opens it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

import striate
from striate.deploy.decision import check_decisions
from striate.deploy.export import export_run
from striate.engines.exported import DECISION, open_exported
from striate.errors import ExportError
from striate.inference.classifier import Classifier

Images = Sequence[NDArray[np.uint8]]
THRESHOLD = 0.56


@pytest.fixture
def exported(run: Any, images: Images, tmp_path: Path) -> Path:
    report = export_run(
        run, tmp_path / "net.onnx", images, capture="trace", threshold=THRESHOLD, cam=False
    )
    assert [end.name for end in report.outputs] == ["probabilities", DECISION]
    assert report.outputs[1].shape == ("batch",)
    return report.file


@pytest.mark.parametrize("opset", [13, 18])
def test_decisions_in_a_graph(run: Any, images: Images, tmp_path: Path, opset: int) -> None:
    import onnxruntime

    options = {"capture": "trace", "opset": opset, "output_name": "p", "cam": opset == 18}
    file = export_run(run, tmp_path / "net.onnx", images, threshold=THRESHOLD, **options).file
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(file)
    batch = np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3)).astype(np.uint8)
    shares, decided = session.run(["p", DECISION], {"image": batch})
    wanted = np.where(shares.max(1) >= THRESHOLD, shares.argmax(1), -1)
    assert decided.tolist() == wanted.tolist()
    assert 0 < (wanted == -1).sum() < 12


def test_what_opens_the_file_calls_the_same_images_unsure(
    exported: Path, make_image: Callable[..., NDArray[np.uint8]], tmp_path: Path
) -> None:
    metadata = {each.key: each.value for each in onnx.load(exported).metadata_props}
    assert json.loads(metadata["threshold"]) == THRESHOLD
    for seed in range(12):
        Image.fromarray(make_image(40, 40, seed=seed)).save(tmp_path / f"{seed:02}.png")
    with Classifier.of_file(exported) as classifier:
        assert classifier.threshold == THRESHOLD
        assert classifier.probabilities(str(tmp_path / "*.png")).shape == (12, 3)
    found = striate.predict(exported, str(tmp_path / "*.png"))
    assert [each.unsure for each in found] == [each.probabilities[0] < THRESHOLD for each in found]
    assert 0 < sum(each.unsure for each in found) < 12
    least = min(each.probabilities[0] for each in found)
    none = striate.predict(exported, str(tmp_path / "*.png"), threshold=least)
    assert not any(each.unsure for each in none)
    assert all(each.unsure for each in striate.predict(exported, tmp_path / "00.png", threshold=1))


def test_damaged_metadata(exported: Path) -> None:
    model = onnx.load(exported)
    (entry,) = (each for each in model.metadata_props if each.key == "threshold")
    for entry.value in ("2", "[]", "x", "[" * 99999):
        onnx.save(model, exported)
        with pytest.raises(ExportError, match=r"damaged metadata \(of its threshold"):
            open_exported(exported)


def test_a_graph_that_decides_otherwise_is_refused() -> None:
    shares = np.array([[0.45, 0.55], [0.95, 0.05], [0.56001, 0.43999]], np.float32)
    for decided in ([-1, 0, 0], [-1, 0, -1]):
        check_decisions("onnxruntime", ["a"], [np.array(decided)], [shares], THRESHOLD)
    for wrong in ([1, 0, 0], [-1, 1, 0], [-1, -1, 0], [-1, 0]):
        with pytest.raises(ExportError, match="decides otherwise than its probabilities say on a"):
            check_decisions("onnxruntime", ["a"], [np.array(wrong)], [shares], THRESHOLD)
