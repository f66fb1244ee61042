"""One file with everything inside, in place only when it is right."""

from __future__ import annotations

import errno
import json
import os
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
from striate.deploy.verify import ENGINES, Feed
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
    assert metadata["producer"].startswith("striate ")
    unseen = make_image(91, 57, seed=5)
    for engine in ENGINES.values():
        (answer,) = engine(report.file, [{"image": unseen[None]}])
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
        "classes": 3,
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


@pytest.mark.parametrize("axes", [(), ("batch",), ("height",), ("width", "batch")])
def test_axes_that_are_not_free_are_fixed(
    run: Any, images: Images, tmp_path: Path, axes: tuple[str, ...]
) -> None:
    report = export(run, tmp_path / "net.onnx", images, dynamic=axes)
    fixed = {"batch": 1, "height": 32, "width": 32}
    free = tuple(name if name in axes else size for name, size in fixed.items())
    assert report.inputs[0].shape == (*free, 3)


def test_a_fixed_size_is_that_of_the_images_if_they_share_it(
    grey_run: Any, tmp_path: Path, make_image: Make
) -> None:
    images = [make_image(28, 20, 1, seed) for seed in range(2)]
    report = export(grey_run, tmp_path / "net.onnx", images, dynamic=())
    assert report.inputs[0].shape == (1, 28, 20, 1)


def test_grey_networks_take_one_channel(grey_run: Any, tmp_path: Path, make_image: Make) -> None:
    colour = make_image(50, 41, 3)
    report = export(grey_run, tmp_path / "net.onnx", [make_image(28, 28, 1), colour])
    assert report.inputs[0].shape[-1] == 1
    assert report.verified.pixel_levels == 0


def test_without_preprocessing(run: Any, images: Images, tmp_path: Path) -> None:
    report = export(run, tmp_path / "net.onnx", images, preprocess=False)
    assert report.inputs[0].dtype == "float32"
    assert report.inputs[0].shape == ("batch", 3, 32, 32)
    assert report.verified.pixel_levels is report.verified.pipeline is None


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
    feed: Feed = {"image": images[0][None], **{name: w.numpy() for name, w in other.items()}}
    for engine in ENGINES.values():
        (answer,) = engine(report.file, [feed])
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
    with pytest.raises(ExportError, match="by 5 of 255 levels on image 1"):
        export(run, tmp_path / "net.onnx", images)
    assert left_behind(tmp_path) == []


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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/net.onnx", "cannot be written"),
        ("file/net.onnx", "cannot be written"),
        ("net", "must end in .onnx"),
        ("folder.onnx", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    run: Any, images: Images, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.onnx").mkdir()
    run.make = lambda: pytest.fail("the network was made")
    with pytest.raises(ExportError, match=message) as caught:
        export(run, tmp_path / name, images)
    assert str(tmp_path / name) in str(caught.value)


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
        return verify.need("no_such_engine" if package == "openvino" else package)

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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet", "googlenet_bn", "alexnet"])
@pytest.mark.parametrize("capture", ["export", "trace", "script"])
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
