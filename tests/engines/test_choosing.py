"""Engines by name, and what they are told that they cannot do."""

from __future__ import annotations

import pytest

from striate.engines.choosing import choose_engine, open_session, parse_engine
from striate.errors import ExportError, StriateError

from .conftest import PREPROCESSING, Untraceable  # type: ignore[import-not-found]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("torch", ("torch", "")),
        ("openvino float32", ("openvino", "float32")),
        ("bfloat16 torch", ("torch", "bfloat16")),
        ("onnxruntime", ("onnxruntime", "")),
        ("auto float32", ("", "float32")),
        ("bfloat16", ("", "bfloat16")),
        ("auto", ("", "")),
    ],
)
def test_engines_by_name(wanted: str, found: tuple[str, str]) -> None:
    assert parse_engine(wanted) == found
    engine, precision = choose_engine(wanted)
    assert engine == found[0] or not found[0]
    assert precision == found[1] or not found[1]


def test_what_is_left_open_is_what_is_quickest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.engines.choosing.installed", lambda name: True)
    for fast, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(
            "striate.engines.precision.has_fast_bfloat16", lambda _, fast=fast: fast
        )
        assert choose_engine() == ("openvino", precision)
        assert choose_engine("torch") == ("torch", precision)
        assert choose_engine("onnxruntime") == ("onnxruntime", "float32")
    monkeypatch.setattr("striate.engines.choosing.installed", lambda name: name != "onnx")
    assert choose_engine() == ("torch", "float32")
    assert choose_engine("openvino float32") == ("openvino", "float32")


@pytest.mark.parametrize(
    "wanted", ["openvino torch", "torch torch", "auto torch", "float32 bfloat16", "", " "]
)
def test_two_of_a_kind_or_nothing_is_no_engine(wanted: str) -> None:
    with pytest.raises(StriateError, match=r"must name one engine, one precision, or one of each"):
        choose_engine(wanted)


@pytest.mark.parametrize("wanted", ["opnvino", "Torch", "torch,float32", "ｔorch"])
def test_another_word_is_no_engine(wanted: str) -> None:
    with pytest.raises(StriateError, match=r"is unknown; did you mean '(openvino|torch|float32)'"):
        choose_engine(wanted)


def test_onnx_runtime_has_no_bfloat16() -> None:
    with pytest.raises(StriateError, match=r"computes in float32 .* take 'openvino bfloat16'"):
        choose_engine("onnxruntime bfloat16")


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_network_that_cannot_be_captured_goes_to_pytorch(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(engine)

    def refused(*_: object) -> None:
        raise ExportError("capture 'export'", "PyTorch cannot capture the network so (a loop)", "x")

    monkeypatch.setattr("striate.engines.capture.capture_somehow", refused)
    said = f"`engine='{engine}'`: cannot have the network .*a loop.*; take `engine='torch'`"
    with pytest.raises(ExportError, match=said):
        open_session(Untraceable(), PREPROCESSING, engine)
    assert open_session(Untraceable(), PREPROCESSING, "torch").name == "torch float32"
