"""Differences are found, measured and named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.deploy import verify
from striate.deploy.verify import Case, Feed, check_pipeline, compare, difference, need
from striate.errors import ExportError

GOOD = np.array([[0.25, 0.75]], np.float32)


def cases() -> list[Case]:
    return [Case(name=name, feed={}, expected=GOOD) for name in ("first.jpg", "second.jpg")]


def answering(*answers: NDArray[np.float32]) -> verify.Engine:
    def engine(_path: Path, _feeds: Sequence[Feed]) -> list[NDArray[np.float32]]:
        return list(answers)

    return engine


def test_difference() -> None:
    assert difference(GOOD, GOOD) == 0
    assert difference(GOOD, GOOD + np.float32(0.5)) == 0.5
    assert difference(GOOD, GOOD[:, :1]) == np.inf
    assert difference(GOOD, np.array([[0.25, np.nan]], np.float32)) == np.inf


def test_agreement_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    slightly = GOOD + np.float32(2**-16)
    monkeypatch.setattr(verify, "ENGINES", {"openvino": answering(GOOD, slightly)})
    assert compare(Path("x.onnx"), "openvino", cases()) == 2**-16


@pytest.mark.parametrize("wrong", [GOOD + np.float32(0.125), GOOD * np.float32(np.nan), GOOD.T])
def test_a_difference_is_named(monkeypatch: pytest.MonkeyPatch, wrong: NDArray[np.float32]) -> None:
    monkeypatch.setattr(verify, "ENGINES", {"openvino": answering(GOOD, wrong)})
    with pytest.raises(ExportError, match=r"OpenVINO differs .* by (0\.125|inf) .* second\.jpg"):
        compare(Path("x.onnx"), "openvino", cases())


def test_an_engine_that_fails_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a graph")
    for engine, title in verify.ENGINE_TITLES.items():
        with pytest.raises(ExportError, match=f"{title} cannot run it") as caught:
            compare(broken, engine, cases())
        assert "\n" not in str(caught.value)


def test_pixels_and_predictions_are_held_against_evaluation() -> None:
    pixels = [(np.full((2, 2, 1), 7.0), np.full((2, 2, 1), 8, np.uint8))]
    even = [(np.array([0.5, 0.5], np.float32), np.array([0.495, 0.505], np.float32))]
    levels, gap = check_pipeline(["a.jpg"], pixels, even)
    assert levels == 1
    assert gap == pytest.approx(0.005)
    with pytest.raises(ExportError, match=r"by 3 of 255 levels on a\.jpg"):
        check_pipeline(["a.jpg"], [(pixels[0][0] - 2, pixels[0][1])], even)
    turned = [(np.array([0.6, 0.4], np.float32), np.array([0.4, 0.6], np.float32))]
    with pytest.raises(ExportError, match=r"class 0 on a\.jpg where evaluation predicts class 1"):
        check_pipeline(["a.jpg"], pixels, turned)


def test_a_missing_engine_names_the_extra() -> None:
    with pytest.raises(ExportError, match=r"pip install 'striate\[export\]'"):
        need("no_such_engine")
