"""Differences are found, measured and named."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.deploy.verify import (
    VERIFIED_IN,
    check_classes,
    check_network,
    check_pixels,
    difference,
    run_in,
)
from striate.engines.choosing import ENGINES
from striate.engines.messages import brief
from striate.engines.packages import need
from striate.errors import ExportError

GOOD = np.array([[0.25, 0.75]], np.float32)


NAMES = ["first.jpg", "second.jpg"]


def test_difference() -> None:
    assert difference(GOOD, GOOD) == 0
    assert difference(GOOD, GOOD + np.float32(0.5)) == 0.5
    assert difference(GOOD, GOOD[:, :1]) == np.inf
    assert difference(GOOD, np.array([[0.25, np.nan]], np.float32)) == np.inf


def test_agreement_is_measured() -> None:
    slightly = GOOD + np.float32(2**-16)
    assert check_network("openvino", NAMES, [GOOD, slightly], [GOOD, GOOD]) == 2**-16


@pytest.mark.parametrize("wrong", [GOOD + np.float32(0.125), GOOD * np.float32(np.nan), GOOD.T])
def test_a_difference_is_named(wrong: NDArray[np.float32]) -> None:
    with pytest.raises(ExportError, match=r"OpenVINO differs .* by (0\.125|inf) .* second\.jpg"):
        check_network("openvino", NAMES, [GOOD, wrong], [GOOD, GOOD])


def test_an_engine_that_fails_is_named() -> None:
    for engine in VERIFIED_IN:
        said = f"the exported graph: {ENGINES[engine]} cannot run it"
        with pytest.raises(ExportError, match=said) as caught:
            run_in(engine, b"not a graph", [np.zeros((1, 2, 2, 3), np.uint8)])
        assert "\n" not in str(caught.value)


def test_pixels_are_held_against_evaluation() -> None:
    ours, theirs = [np.full((1, 2, 2, 1), 7, np.uint8)], [np.full((1, 2, 2, 1), 8, np.uint8)]
    assert check_pixels("openvino", ["a.jpg"], ours, theirs) == 1
    with pytest.raises(ExportError, match=r"OpenVINO differs from Pillow.* by 3 of 255 .* a\.jpg"):
        check_pixels("openvino", ["a.jpg"], [ours[0] - 2], theirs)


def test_predictions_are_held_against_evaluation() -> None:
    even = [np.array([[0.5, 0.5]], np.float32)], [np.array([[0.495, 0.505]], np.float32)]
    check_classes("openvino", ["a.jpg"], *even)
    turned = [np.array([[0.5, 0.5], [0.6, 0.4]], np.float32)], [np.full((2, 2), 0.5, np.float32)]
    turned[1][0][1] = 0.4, 0.6
    with pytest.raises(ExportError, match=r"OpenVINO predicts class 0 on a\.jpg where .* class 1"):
        check_classes("openvino", ["a.jpg"], *turned)


OPENVINO = """Exception from src/inference/src/cpp/core.cpp:84:
Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted. Failed operations detailed log:
-- Conv-18 with a message:
Check 'rank().is_static()' failed at src/frontends/onnx/frontend/src/op/conv.cpp:38:
FrontEnd API failed with GeneralFailure:
The input data tensor's rank has to be known (static)

Summary:
-- Conversion is failed for: Conv-18
"""
RUNTIME = (
    "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 "
    "void onnxruntime::model_load_utils::ValidateOpset(const std::unordered_map<std::string, int>&,"
    " bool (*)(int), int) ONNX Runtime only guarantees official opsets."
)
EXPORT = """Failed to export the model with torch.export. This is step 1/3.
Next steps:
- Modify the model code
## Exception summary

<class 'RuntimeError'>: a size that depends on the data

(Refer to the full stack trace above for more information.)"""


@pytest.mark.parametrize(
    ("message", "gist"),
    [
        (
            OPENVINO,
            "Conv-18 with a message: The input data tensor's rank has to be known (static)",
        ),
        (RUNTIME, "ONNX Runtime only guarantees official opsets."),
        (EXPORT, "<class 'RuntimeError'>: a size that depends on the data"),
        ("Exception from src/core.cpp:84:\n", "Exception from src/core.cpp:84:"),
        ("", "ValueError"),
        ("word " * 100, "word " * 59 + "…"),
    ],
)
def test_what_an_engine_means_is_told_not_where_it_noticed(message: str, gist: str) -> None:
    assert brief(ValueError(message)) == gist


def test_a_missing_engine_names_the_extra() -> None:
    with pytest.raises(ExportError, match=r"pip install 'striate\[export\]'"):
        need("no_such_engine")
