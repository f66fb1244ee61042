"""From a float file to a measured int8 one, and every reason for there to be none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from torch import nn

import striate
from striate.api import shipping
from striate.data.labelled import open_labelled
from striate.data.preprocessing import Preprocessing
from striate.deploy.export import ExportReport, Verified
from striate.deploy.quantise import measuring
from striate.deploy.quantise.images import choose
from striate.deploy.quantise.judging import ClassJudge
from striate.deploy.quantise.options import QuantiseOptions
from striate.deploy.quantise.quantise import QuantiseReport, readable
from striate.engines.exported import ExportedFile, open_exported
from striate.engines.parts import FilePart
from striate.engines.seam import split_at_seam
from striate.errors import DataError, ExportError, StriateError

EASY = {"calibration": 12, "agreement": 80.0, "drop": 20.0}


@pytest.fixture(scope="module")
def report(
    exported: ExportedFile, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> QuantiseReport:
    output = tmp_path_factory.mktemp("int8") / "<i>small.onnx"
    return striate.quantise(exported.path, output, data=pictures, workers=2, **EASY)


def test_the_file_keeps_the_contract(report: QuantiseReport, exported: ExportedFile) -> None:
    made, float_file = open_exported(report.file), exported
    assert made.classes == float_file.classes
    assert made.preprocessing == float_file.preprocessing
    assert (made.takes, made.batch) == (float_file.takes, float_file.batch)
    one, other = (onnx.load(each.path) for each in (float_file, made))
    assert list(one.graph.input) == list(other.graph.input)
    assert list(one.graph.output) == list(other.graph.output)
    entries = {entry.key: entry.value for entry in other.metadata_props}
    said = json.loads(entries.pop("int8"))
    assert entries == {entry.key: entry.value for entry in one.metadata_props}
    assert said["weights"] == report.bits
    assert said["float_layers"] == []
    assert said["calibration"] == {"images": 12, "digest": report.calibration}
    assert [each["engine"] for each in said["measured"]][:2] == ["ONNX Runtime", "OpenVINO"]
    onnx.checker.check_model(other)


def test_nothing_before_the_network_is_rounded(report: QuantiseReport) -> None:
    model = onnx.load_from_string(report.file.read_bytes())
    halves = split_at_seam(model)
    assert "QuantizeLinear" not in {node.op_type for node in halves.before.graph.node}
    first = next(node for node in halves.network.graph.node if node.op_type == "QuantizeLinear")
    assert first.input[0] == "/normalise/normalised"


def test_it_predicts_as_the_float_file_does(
    report: QuantiseReport, exported: ExportedFile, pictures: Path
) -> None:
    for engine in ("onnxruntime", "openvino"):
        with (
            striate.open_classifier(report.file, engine=engine) as integer,
            striate.open_classifier(exported.path, engine=engine) as floats,
        ):
            one, other = (each.probabilities(pictures / "val") for each in (integer, floats))
        assert (one.argmax(1) == other.argmax(1)).mean() >= 0.8
        assert 0 < np.abs(one - other).mean() < 0.1


def test_it_is_evaluated_as_it_was_measured(report: QuantiseReport, pictures: Path) -> None:
    found = striate.evaluate(report.file, pictures)
    measured = report.figures[0]
    assert found.images == measured.images == 24
    assert abs(found.top1 - measured.top1) <= 2 / 24  # pixels may differ by a level


def test_same_inputs_same_bytes(
    report: QuantiseReport, exported: ExportedFile, pictures: Path, tmp_path: Path
) -> None:
    again = striate.quantise(
        exported.path, tmp_path / "again.onnx", data=pictures, workers=0, page=False, **EASY
    )
    assert again.file.read_bytes() == report.file.read_bytes()
    assert again.page is None
    assert [file.name for file in tmp_path.iterdir()] == ["again.onnx"]


def test_what_is_told(report: QuantiseReport, exported: ExportedFile) -> None:
    assert report.bytes == report.file.stat().st_size
    assert report.float_bytes == exported.path.stat().st_size
    assert [each.label for each in report.layers] == [
        "first", "depthwise", "point", "last", "classifier"
    ]  # fmt: skip
    assert all(each.bits == report.bits for each in report.layers)
    assert report.calibrated == 12
    told = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert told["images"] == 24
    assert told["steps"][-1]["inside"] is True
    assert {each["engine"] for each in told["speeds"]} == {"ONNX Runtime", "OpenVINO"}
    text = str(report)
    assert "agreement" in text
    assert "depthwise 3×3, 8" in text
    assert "calibrated with 12 images, measured on 24" in text


def test_the_page(report: QuantiseReport) -> None:
    assert report.page == report.file.with_suffix(".html")
    page = report.page.read_text(encoding="utf-8")
    assert "small &lt;b&gt;" in page
    assert "&lt;i&gt;small.onnx" in page
    assert "<b>" not in page.split("<body>")[1]
    assert "depthwise 3×3, 8" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_an_emulated_processor_is_measured_where_there_is_vnni(
    exported: ExportedFile, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "has_vnni", lambda: True)
    found = striate.quantise(exported.path, tmp_path / "a.onnx", data=pictures, **EASY)
    titles = [each.title for each in found.figures]
    assert titles == ["ONNX Runtime", "OpenVINO", "OpenVINO without VNNI (emulated)"]
    assert [each.vnni for each in found.figures] == [True, True, False]
    assert "was emulated on the same processor" in (found.page or Path()).read_text("utf-8")


def test_a_file_for_processors_with_vnni(
    exported: ExportedFile, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is none, OpenVINO's answers overflow as they may, and count for nothing."""
    monkeypatch.setattr(measuring, "has_vnni", lambda: False)
    compare = ClassJudge.compare

    def overflowing(*answers: Any, **where: Any) -> Any:
        found = compare(*answers, **where)
        return replace(found, agreement=0.5) if where["engine"] == "OpenVINO" else found

    monkeypatch.setattr(ClassJudge, "compare", overflowing)
    with pytest.raises(ExportError, match=r"50\.0 % of answers agree in OpenVINO"):
        striate.quantise(exported.path, tmp_path / "any.onnx", data=pictures, **EASY)
    output = tmp_path / "vnni.onnx"
    found = striate.quantise(exported.path, output, data=pictures, target="vnni", **EASY)
    assert (found.bits, len(found.steps)) == (8, 1)
    assert [(each.vnni, each.counted) for each in found.figures] == [(True, True), (False, False)]
    entries = {entry.key: entry.value for entry in onnx.load(found.file).metadata_props}
    assert json.loads(entries["int8"])["target"] == "vnni"
    assert "OpenVINO does not count here" in " ".join(str(found).split())
    page = (found.page or Path()).read_text("utf-8")
    assert "Others may give wrong answers with this file" in page
    assert "not held" in page


def test_outside_the_limits_the_old_file_stays(
    exported: ExportedFile, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "old.onnx"
    output.write_bytes(b"an older file")
    compare = ClassJudge.compare
    worse: Callable[..., Any] = lambda *a, **b: replace(compare(*a, **b), agreement=0.5)  # noqa: E731
    monkeypatch.setattr(ClassJudge, "compare", worse)
    with pytest.raises(ExportError) as caught:
        striate.quantise(exported.path, output, data=pictures, calibration=12)
    said = str(caught.value)
    assert "int8 is outside the limits in each of 4 ways" in said
    assert "50.0 % of answers agree in ONNX Runtime" in said
    assert "so that no file was written" in said
    assert "`agreement`" in said
    assert output.read_bytes() == b"an older file"
    assert list(tmp_path.iterdir()) == [output]


def changed(file: ExportedFile, folder: Path, change: Callable[[Any], Any]) -> Path:
    """A copy of `file` with other metadata."""
    model = onnx.load(file.path)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    change(entries)
    onnx.helper.set_model_props(model, entries)
    path = folder / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_files_that_cannot_be_quantised(
    report: QuantiseReport, exported: ExportedFile, pictures: Path, tmp_path: Path
) -> None:
    before = exported.path.read_bytes()
    with pytest.raises(ExportError, match="is int8 already; give the float file"):
        striate.quantise(report.file, data=pictures)
    part = FilePart(pixels="a", answers="b", share=1, preprocessing=exported.preprocessing)
    with pytest.raises(ExportError, match=r"holds several networks .* its members one by one"):
        readable(replace(exported, is_cut=False, parts=(part,)))
    old = changed(exported, tmp_path, lambda entries: entries.pop("pixels"))
    with pytest.raises(ExportError, match="from before files said where their network begins"):
        striate.quantise(old, data=pictures)
    other = changed(exported, tmp_path, lambda entries: entries.pop("classes"))
    with pytest.raises(ExportError, match="give a file that `striate export` wrote"):
        striate.quantise(other, data=pictures)
    with pytest.raises(ExportError, match="there is no such file"):
        striate.quantise(tmp_path / "none.onnx", data=pictures)
    with pytest.raises(ExportError, match=r"has no images of its own; .*`data`"):
        striate.quantise(exported.path)
    with pytest.raises(ExportError, match="is the float file itself"):
        striate.quantise(exported.path, exported.path, data=pictures, calibration=12)
    assert exported.path.read_bytes() == before


def test_options_out_of_bounds() -> None:
    for wrong in ({"drop": -1}, {"agreement": 101}, {"calibration": 7}):
        with pytest.raises(StriateError, match=next(iter(wrong))):
            striate.quantise("any.onnx", **wrong)  # type: ignore[arg-type]


def test_too_few_images(pictures: Path) -> None:
    classes = ("blue", "green", "red")
    found = open_labelled(pictures, classes)
    with pytest.raises(DataError, match="24 images to measure on") as caught:
        choose(found, None, "there")
    assert "`calibration=12`" in str(caught.value)
    chosen = choose(found, 12, "there")
    assert len(chosen.measured) == 24
    assert chosen.calibration.counts.tolist() == [4, 4, 4]
    assert not set(chosen.calibration.digests) & set(chosen.measured.digests)


def test_images_are_taken_out_of_those_to_measure_on(pictures: Path) -> None:
    found = open_labelled(pictures / "val", ("blue", "green", "red"))
    chosen = choose(found, 9, "there")
    assert (len(chosen.calibration), len(chosen.measured)) == (9, 15)
    assert chosen.calibration.counts.tolist() == [3, 3, 3]
    assert not set(chosen.calibration.digests) & set(chosen.measured.digests)
    assert "calibrated with 9 of the images, measured on the 15 others" in chosen.notes
    assert choose(found, 9, "there").digest == chosen.digest


def test_a_file_that_takes_fitted_images_one_at_a_time(
    network: nn.Module, pictures: Path, tmp_path: Path
) -> None:
    from striate.deploy.export import export_run

    run: Any = SimpleNamespace(
        network=lambda: network,
        preprocessing=Preprocessing(
            resize=20, height=16, width=16, mean=(0.48, 0.45, 0.4), std=(0.22, 0.23, 0.24)
        ),
        classes=("blue", "green", "red"),
        config=SimpleNamespace(network="small", variant={}, identity="ab" * 32, epochs=1),
        epochs_done=1,
        temperature=1.0,
        has_members=False,
        targets=(),
        answers_numbers=False,
    )
    images = [np.random.default_rng(0).integers(0, 256, (30, 25, 3), dtype=np.uint8)]
    float_file = export_run(run, tmp_path / "one.onnx", images, dynamic=(), capture="trace").file
    found = striate.quantise(float_file, data=pictures, page=False, **EASY)
    assert found.file == tmp_path / "one.int8.onnx"
    made = open_exported(found.file)
    assert (made.takes, made.batch) == ("fitted", 1)


@pytest.fixture
def run(
    exported: ExportedFile, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Of a run, what quantising uses; its export is a copy of `exported`."""
    run = SimpleNamespace(
        path=tmp_path / "a run",
        answers_numbers=False,
        config=SimpleNamespace(
            stem="small",
            data=SimpleNamespace(skipped=0, origin=str(pictures)),
        ),
    )
    run.path.mkdir()
    monkeypatch.setattr("striate.runs.run.Run.open", lambda *_, **__: run)
    monkeypatch.setattr("striate.runs.data.training_of", lambda _: None)
    monkeypatch.setattr("striate.runs.samples.read_samples", lambda _: [])
    monkeypatch.setattr("striate.runs.samples.sample_names", lambda _: [])

    def export(_: Any, file: Path, *args: Any, **kwargs: Any) -> Any:
        shutil.copy(exported.path, file)
        return ExportReport(
            file=file, bytes=1, opset=18, inputs=(), outputs=(), takes="", classes=3,
            verified=Verified(
                images=1, onnxruntime=0, openvino=0, pipeline=0, pixel_levels=0, seam=0,
                heat_maps=None,
            ),
        )  # fmt: skip

    monkeypatch.setattr("striate.deploy.export.export_run", export)
    return run


def test_a_run_is_exported_for_it(run: Any) -> None:
    """What of a run differs: its own images by default, and the place of the file."""
    found = shipping.quantise(run.path, page=False, **EASY)
    assert found.file == run.path / "small.int8.onnx"
    assert found.source == run.path
    assert [file.name for file in run.path.iterdir()] == ["small.int8.onnx"]


def test_an_export_in_eight_bits_as_well(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = partial(QuantiseOptions, calibration=12, agreement=80.0, drop=20.0)
    monkeypatch.setattr(shipping, "QuantiseOptions", options)
    output = tmp_path / "其他 <b>.onnx"
    found = striate.export(run.path, output, int8=True)
    assert found.file == output
    assert found.int8 is not None
    assert found.int8.file == tmp_path / "其他 <b>.int8.onnx"
    assert found.int8.source == output
    assert found.int8.page is not None
    assert found.int8.page.is_file()
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["file"] == str(output)
    assert told["int8"]["weights"] == found.int8.bits


def test_an_export_outside_the_limits_stays_float(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = ClassJudge.compare
    worse: Callable[..., Any] = lambda *a, **b: replace(compare(*a, **b), agreement=0.5)  # noqa: E731
    monkeypatch.setattr(ClassJudge, "compare", worse)
    options = partial(QuantiseOptions, calibration=12)
    monkeypatch.setattr(shipping, "QuantiseOptions", options)
    with pytest.raises(ExportError, match="so that no file was written"):
        striate.export(run.path, int8=True)
    assert [file.name for file in run.path.iterdir()] == ["small.onnx"]


@pytest.mark.parametrize(
    "other", [{"layout": "triton"}, {"params": False}, {"preprocess": False}, {"opset": 12}]
)
def test_an_export_that_could_not_be_in_eight_bits(other: dict[str, Any]) -> None:
    with pytest.raises(ExportError, match=rf"`int8`.*`{next(iter(other))}"):
        striate.export("no run is looked at", int8=True, **other)
