"""One file with everything inside, in place only when it is right."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.deploy import export as module
from striate.deploy import verify
from striate.deploy.export import ExportReport, export_run
from striate.deploy.verify import VERIFIED_IN, run_in
from striate.engines.packages import need
from striate.errors import ExportError, StriateError

Images = Sequence[NDArray[np.uint8]]
Make = Callable[..., NDArray[np.uint8]]


def export(run: Any, output: Path, images: Images, **options: Any) -> ExportReport:
    """By tracing, which takes a tenth of the time."""
    return export_run(run, output, images, **{"capture": "trace", **options})


def expected(run: Any, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    fitted = torch.from_numpy(run.preprocessing.fit_image(image)[None])
    with torch.no_grad():
        logits = run.network()(run.preprocessing.normalise(fitted))
    return torch.softmax(logits, 1).numpy()


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("capture", ["export", "trace", "script"])
def test_a_stranger_can_use_the_file(
    run: Any, images: Images, tmp_path: Path, capture: str, make_image: Make
) -> None:
    report = export(run, tmp_path / "net.onnx", images, capture=capture)
    assert left_behind(tmp_path) == ["net.onnx"]
    model = onnx.load(report.file)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert tuple(json.loads(metadata["classes"])) == run.classes
    assert metadata["network"] == "small"
    assert metadata["run"] == run.config.identity
    assert Preprocessing.from_dict(json.loads(metadata["preprocessing"])) == run.preprocessing
    epochs = {"done": run.epochs_done, "planned": run.config.epochs}
    assert json.loads(metadata["epochs"]) == epochs
    assert metadata["producer"].startswith("striate ")
    unseen = make_image(91, 57, seed=5)
    for engine in VERIFIED_IN:
        (answer,) = run_in(engine, report.file.read_bytes(), [unseen[None]])
        np.testing.assert_allclose(answer, expected(run, unseen), atol=1e-5)


def test_the_report_says_what_was_written(run: Any, images: Images, tmp_path: Path) -> None:
    told = export(run, tmp_path / "net.onnx", images).to_json()
    json.dumps(told)
    verified = told.pop("verified")
    assert told == {
        "file": str(tmp_path / "net.onnx"),
        "bytes": (tmp_path / "net.onnx").stat().st_size,
        "opset": 18,
        "inputs": ({"name": "image", "dtype": "uint8", "shape": ("batch", "height", "width", 3)},),
        "outputs": ({"name": "probabilities", "dtype": "float32", "shape": ("batch", 3)},),
        "takes": "uint8 (batch, height, width, 3), RGB, images of any size",
        "classes": 3,
        "targets": (),
        "int8": None,
    }
    assert verified["images"] == 3
    assert max(verified["onnxruntime"], verified["openvino"], verified["pipeline"]) < 1e-5
    assert verified["pixel_levels"] == 0


def test_names_and_opset(run: Any, images: Images, tmp_path: Path) -> None:
    for opset in (12, 20):
        report = export(
            run, tmp_path / "net.onnx", images, opset=opset, input_name="in", output_name="out"
        )
        assert (report.inputs[0].name, report.outputs[0].name) == ("in", "out")
        assert onnx.load(report.file).opset_import[0].version == report.opset == opset


@pytest.mark.parametrize("axes", [(), ("batch",)])
@pytest.mark.parametrize("kind", ["run", "grey_run"])
def test_a_fixed_graph_takes_the_picture_that_evaluation_has(
    request: pytest.FixtureRequest, tmp_path: Path, axes: tuple[str, ...], kind: str
) -> None:
    """Nothing is resized again, whatever sizes the images have that it was verified on."""
    chosen, make_image = map(request.getfixturevalue, (kind, "make_image"))
    channels = chosen.preprocessing.channels
    shared = [make_image(28, 20, channels, seed) for seed in range(2)]
    for images in (shared, [make_image(60, 99, channels), make_image(33, 32, channels)]):
        report = export(chosen, tmp_path / "net.onnx", images, dynamic=axes)
        batch = "batch" if axes else 1
        assert report.inputs[0].shape == (batch, 32, 32, channels)
        unseen = make_image(91, 57, channels, seed=5)
        fitted = chosen.preprocessing.fit_image(unseen)
        for engine in VERIFIED_IN:
            (answer,) = run_in(engine, report.file.read_bytes(), [fitted[None]])
            np.testing.assert_allclose(answer, expected(chosen, unseen), atol=1e-5)
        assert report.verified.pixel_levels is None
        assert report.verified.pipeline < 1e-5
        kinds = [node.op_type for node in onnx.load(report.file).graph.node]
        assert "MatMulInteger" not in kinds


def test_the_file_says_what_to_feed_it(
    run: Any, grey_run: Any, images: Images, tmp_path: Path
) -> None:
    def told(chosen: Any, **options: Any) -> str:
        report = export(chosen, tmp_path / "net.onnx", images, **options)
        metadata = {entry.key: entry.value for entry in onnx.load(report.file).metadata_props}
        assert metadata["input"] == report.takes
        return report.takes

    assert told(run) == "uint8 (batch, height, width, 3), RGB, images of any size"
    assert told(run, dynamic=()) == (
        "uint8 (1, 32, 32, 3), RGB, images that are fitted already: the shorter side resized "
        "to 36 (bilinear, antialiased), the middle 32 x 32 kept"
    )
    assert "grey level 255" in told(grey_run, dynamic=("batch",))
    assert told(run, preprocess=False).startswith("float32 (batch, 3, 32, 32), RGB")


def test_grey_networks_take_one_channel(grey_run: Any, tmp_path: Path, make_image: Make) -> None:
    colour = make_image(50, 41, 3)
    report = export(grey_run, tmp_path / "net.onnx", [make_image(28, 28, 1), colour])
    assert report.inputs[0].shape[-1] == 1
    assert report.verified.pixel_levels == 0


def test_without_preprocessing(run: Any, images: Images, tmp_path: Path) -> None:
    report = export(run, tmp_path / "net.onnx", images, preprocess=False)
    assert report.inputs[0].dtype == "float32"
    assert report.inputs[0].shape == ("batch", 3, 32, 32)
    assert report.verified.pixel_levels is None
    assert report.verified.pipeline is None


@pytest.mark.parametrize(
    "capture", [pytest.param("export", marks=pytest.mark.slow), "trace", "script"]
)
def test_without_weights(run: Any, images: Images, tmp_path: Path, capture: str) -> None:
    report = export(run, tmp_path / "net.onnx", images, params=False, capture=capture)
    state = run.network().state_dict()
    wanted = {name for name, tensor in state.items() if tensor.is_floating_point()}
    assert {value.name for value in report.inputs} == {"image", *wanted}
    assert not {i.name for i in onnx.load(report.file).graph.initializer} & wanted
    # Other weights than those it was made with, so that none can have stayed inside.
    generator = torch.Generator().manual_seed(1)
    # Sorted: a set's order changes from process to process, and some such weights give two classes
    # large logits that nearly tie, where float32 differs by more than what is allowed.
    other = {name: torch.rand(state[name].shape, generator=generator) for name in sorted(wanted)}
    network = run.network()
    network.load_state_dict(other, strict=False)
    run.make = lambda: network
    weights = {name: each.numpy() for name, each in other.items()}
    for engine in VERIFIED_IN:
        (answer,) = run_in(engine, report.file.read_bytes(), [images[0][None]], weights=weights)
        np.testing.assert_allclose(answer, expected(run, images[0]), atol=1e-4)


def test_a_mismatch_leaves_the_old_file(
    run: Any, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "net.onnx"
    output.write_bytes(b"old")
    capture = module.capture

    def altered(*arguments: Any) -> onnx.ModelProto:
        model = capture(*arguments)
        bias = next(i for i in model.graph.initializer if i.name.endswith("classifier.bias"))
        values = onnx.numpy_helper.to_array(bias) + np.float32([0, 0, 0.5])
        bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
        return model

    monkeypatch.setattr(module, "capture", altered)
    with pytest.raises(ExportError, match=r"ONNX Runtime differs from PyTorch by 0\.\d+ .*tulip"):
        export(run, output, images[:1], names=["tulip.jpg"])
    assert output.read_bytes() == b"old"
    assert left_behind(tmp_path) == ["net.onnx"]


def test_a_preprocessing_that_drifts_apart_is_found_out(
    run: Any, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = Preprocessing.fit_image

    def brighter(self: Preprocessing, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.minimum(fit(self, image), 250) + np.uint8(5)

    monkeypatch.setattr(Preprocessing, "fit_image", brighter)
    with pytest.raises(ExportError, match="by 5 of 255 levels on image 1 "):
        export(run, tmp_path / "net.onnx", images)
    assert left_behind(tmp_path) == []


def test_a_pixel_that_is_a_level_off_is_no_fault_of_the_network(
    run: Any, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is held to what PyTorch makes of the same pixels, which have a limit apart.

    So much as one level moves these probabilities by more than the network may differ.
    """
    fit = Preprocessing.fit_image

    def brighter(self: Preprocessing, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        fitted = fit(self, image)
        fitted[:9, :9] = np.minimum(fitted[:9, :9], 254) + np.uint8(1)
        return fitted

    monkeypatch.setattr(Preprocessing, "fit_image", brighter)
    verified = export(run, tmp_path / "net.onnx", images).verified
    assert verified.pixel_levels == 1
    assert verified.pipeline is not None
    assert verified.pipeline > verify.TOLERANCE
    assert max(verified.onnxruntime, verified.openvino) < 1e-5


def test_a_full_disk_leaves_the_old_file(
    run: Any, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "net.onnx"
    output.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match=f"{output}: the disk is full"):
        export(run, output, images)
    assert output.read_bytes() == b"old"
    assert left_behind(tmp_path) == ["net.onnx"]


def test_an_output_that_cannot_be_is_refused_before_the_work(
    run: Any, images: Images, tmp_path: Path
) -> None:
    run.make = lambda: pytest.fail("the network was made")
    (tmp_path / "folder.onnx").mkdir()
    for name in ("missing/net.onnx", "net", "net.ONNX", "folder.onnx", "a" * 300 + ".onnx"):
        with pytest.raises(ExportError, match=re.escape(str(tmp_path / name)[:100])):
            export(run, tmp_path / name, images)


def test_what_a_killed_export_has_left_goes_away(run: Any, images: Images, tmp_path: Path) -> None:
    left = tmp_path / ".net.onnx.0123456789abcdef.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    export(run, tmp_path / "net.onnx", images)
    assert left_behind(tmp_path) == ["net.onnx"]


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(run: Any, images: Images, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match="Permission denied"):
        export(run, tmp_path / "net.onnx", images)
    tmp_path.chmod(0o700)


def test_no_images(run: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no image to verify"):
        export(run, tmp_path / "net.onnx", [])


def test_a_missing_engine(
    run: Any, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(package: str) -> Any:
        return need("no_such_engine" if package == "openvino" else package)

    monkeypatch.setattr(module, "need", absent)
    with pytest.raises(StriateError, match=r"striate\[export\]"):
        export(run, tmp_path / "net.onnx", images)


def test_a_weight_that_is_not_finite(run: Any, images: Images, tmp_path: Path) -> None:
    network = run.network()
    with torch.no_grad():
        network.get_parameter("conv1.weight").fill_(float("nan"))
    run.make = lambda: network
    with pytest.raises(ExportError):
        export(run, tmp_path / "net.onnx", images)
    assert left_behind(tmp_path) == []


#: Each way of capturing takes its seconds on a large network: all of them when asked for.
QUICK = {("lenet5", way) for way in ("export", "trace", "script")} | {
    ("resnet18", "trace"),
    ("googlenet_bn", "trace"),
}
ZOO = [
    pytest.param(
        name,
        way,
        marks=pytest.mark.slow if (name, way) in QUICK else pytest.mark.exhaustive,
        id=f"{way}-{name}",
    )
    for name in ("lenet5", "resnet18", "googlenet", "googlenet_bn", "alexnet")
    for way in ("export", "trace", "script")
]


@pytest.mark.parametrize(("name", "capture"), ZOO)
def test_networks_of_the_zoo(
    run: Any, tmp_path: Path, name: str, capture: str, make_image: Make
) -> None:
    from striate.zoo.create import create

    torch.manual_seed(0)
    network = create(name, classes=3)
    channels, height, width = network.input_size  # type: ignore[misc]
    size = replace(
        run.preprocessing,
        resize=height + 8,
        height=height,
        width=width,
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
    run.preprocessing, run.make = size, lambda: network
    export(run, tmp_path / "net.onnx", [make_image(90, 70, channels)], capture=capture)
