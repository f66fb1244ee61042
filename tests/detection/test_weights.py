"""Files of weights: headers, sizes, six layouts, class counts, and what lies in their place."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from striate.detection.opening import open_detector
from striate.detection.weights.darknet import Header, Kind, kind_of, values_of, write_darknet
from striate.detection.weights.opening import network_of, open_weights
from striate.detection.weights.order import Convolution, taken_from
from striate.errors import StriateError, WeightsError
from striate.zoo.yolov4 import YOLOv4, YOLOv4Tiny

sys.path.insert(0, str(Path(__file__).parent))
from darknet_files import conditioned

NAMES: dict[str, list[tuple[str, str]]] = json.loads(
    Path(__file__).with_name("layouts.json").read_text("utf-8")
)


def test_sizes_of_the_published_files() -> None:
    assert 20 + 4 * values_of(Kind("yolov4", 80)) == 257_717_640
    assert 20 + 4 * values_of(Kind("yolov4_tiny", 80)) == 24_251_276
    # A file that somebody trained for ten classes, customyolov4's.
    assert kind_of((23_604_476 - 20) // 4) == Kind("yolov4_tiny", 10)


@pytest.mark.parametrize("classes", [1, 2, 20, 80])
@pytest.mark.parametrize("name", ["yolov4", "yolov4_tiny"])
def test_a_size_tells_network_and_classes(name: str, classes: int) -> None:
    assert kind_of(values_of(Kind(name, classes))) == Kind(name, classes)


def small(classes: int = 3) -> YOLOv4Tiny:
    torch.manual_seed(classes)
    return YOLOv4Tiny(width=1 / 8, classes=classes).eval()


def write(path: Path, classes: int = 3, header: Header | None = None) -> Path:
    write_darknet(path, taken_from(small(classes)), header or Header())
    return path


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("header", "size"), [(Header((0, 1, 0), 7), 16), (Header((0, 2, 5), 1 << 40), 20)]
)
def test_old_and_new_headers_hold_the_same_network(
    tmp_path: Path, header: Header, size: int
) -> None:
    file = write(tmp_path / "a.weights", header=header)
    assert header.size == size
    found = network_of(open_weights(file)).state_dict()
    wanted = small().state_dict()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("classes", [1, 2, 20, 80])
def test_classes_without_names_or_configuration(tmp_path: Path, classes: int) -> None:
    detector = open_detector(write(tmp_path / "a.weights", classes))
    named = "person" if classes == 80 else "class 0"
    assert (len(detector.names), detector.names[0]) == (classes, named)


@pytest.mark.usefixtures("narrow")
def test_what_was_read_is_written_again_bit_for_bit(tmp_path: Path) -> None:
    network = conditioned(YOLOv4(width=1 / 8, classes=2), eps=1e-5)
    write_darknet(first := tmp_path / "a", taken_from(network), Header(seen=5))
    again = taken_from(network_of(open_weights(first)))
    write_darknet(second := tmp_path / "b", again, Header(seen=5))
    assert first.read_bytes() == second.read_bytes()


# --- other repositories' layouts -----------------------------------------------------------------


def state_of(layout: str, convolutions: Sequence[Convolution]) -> dict[str, Tensor]:
    """The tensors under another repository's names, with its counters."""
    state = {}
    for each, (conv, norm) in zip(convolutions, NAMES[layout], strict=True):
        state[f"{conv}.weight"] = each.kernel
        if each.norm is None:
            assert each.bias is not None
            state[f"{conv}.bias"] = each.bias
            continue
        state[f"{norm}.weight"], state[f"{norm}.bias"] = each.norm.gamma, each.norm.beta
        state[f"{norm}.running_mean"] = each.norm.mean
        state[f"{norm}.running_var"] = each.norm.variance
        state[f"{norm}.num_batches_tracked"] = torch.tensor(3)
    return state


#: Of each layout: decoding, fit, sampling and epsilon.
MEANT = {
    "tianxiaomo": ("darknet", "stretch", "bilinear", 1e-5),
    "tianxiaomo_darknet": ("darknet", "stretch", "bilinear", 1e-5),
    "bubbliiiing": ("unscaled", "stretch", "bicubic", 1e-5),
    "wongkinyiu": ("squared", "letterbox", "bilinear", 1e-4),
    "bubbliiiing_tiny": ("unscaled", "stretch", "bicubic", 1e-5),
}
WRAPPED: dict[str, Callable[[dict[str, Tensor]], object]] = {
    "plain": lambda state: state,
    "module.": lambda state: {f"module.{name}": value for name, value in state.items()},
    "nested": lambda state: {"epoch": 3, "model": state, "best_fitness": None},
}


@pytest.fixture(scope="module")
def whole() -> YOLOv4:
    torch.manual_seed(1)
    return YOLOv4(width=1 / 8, classes=4).eval()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("layout", "wrapped"),
    [*((each, "plain") for each in MEANT), *(("bubbliiiing_tiny", each) for each in WRAPPED)],
)
def test_every_layout_is_the_same_network(
    tmp_path: Path, whole: YOLOv4, layout: str, wrapped: str
) -> None:
    network = small(4) if layout.endswith("tiny") else whole
    state = state_of(layout, taken_from(network))
    torch.save(WRAPPED[wrapped](state), file := tmp_path / "a.pth")
    found = open_weights(file)
    dialect = found.dialect
    assert (dialect.decoding, dialect.fit, dialect.sampling, dialect.epsilon) == MEANT[layout]
    picture = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        pairs = zip(network_of(found)(picture), network(picture), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.usefixtures("narrow")
def test_our_own_files(tmp_path: Path, whole: YOLOv4) -> None:
    network = whole
    save_file(network.state_dict(), file := tmp_path / "ours.safetensors")
    found = open_weights(file)
    assert (found.kind, found.dialect.name) == (Kind("yolov4", 4), "Striate")
    again = network_of(found).state_dict()
    assert all(torch.equal(again[name], value) for name, value in network.state_dict().items())
    state = state_of("tianxiaomo", taken_from(network))
    save_file({name: value.contiguous() for name, value in state.items()}, file)
    with pytest.raises(WeightsError, match="without their order"):
        open_weights(file)


@pytest.mark.usefixtures("narrow")
def test_what_a_dialect_means_can_be_overridden(tmp_path: Path) -> None:
    file = write(tmp_path / "a.weights")
    plain = open_detector(file)
    other = open_detector(file, decoding="squared", fit="letterbox", size=(64, 96))
    unscaled = open_detector(file, decoding="unscaled")
    assert [head.scale for head in plain.heads] == [1.05, 1.05]
    assert [(head.scale, head.sizes) for head in other.heads] == [(2.0, "squared")] * 2
    assert [(head.scale, head.sizes) for head in unscaled.heads] == [(1.0, "exponential")] * 2
    assert (other.fitting.fit, other.fitting.size) == ("letterbox", (64, 96))


# --- what lies in the place of weights -----------------------------------------------------------


class Pickled:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo harm",)


def cut(share: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        content = write(path).read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return make


def add(extra: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(write(path, 80).read_bytes() + extra)

    return make


def as_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("readme.txt", "weights are elsewhere")


def with_nan(path: Path) -> None:
    values = np.fromfile(write(path), "<f4")
    values[2000] = np.nan
    values.tofile(path)


def another_state(path: Path) -> None:
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict(), path)


def backbone(path: Path) -> None:
    convolutions = taken_from(YOLOv4(width=1 / 8))
    state = state_of("tianxiaomo", convolutions)
    torch.save(dict(list(state.items())[: 6 * 72]), path)


def text(content: str | bytes) -> Callable[[Path], int]:
    return lambda path: path.write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (lambda path: path.mkdir(), "is a folder.*name the file"),
    "empty": (text(""), "is empty"),
    "a byte short": (
        lambda path: path.write_bytes(write(path, 80).read_bytes()[:-1]),
        "is cut off",
    ),
    "half": (cut(0.5), "is cut off at .* MB of .* MB.*download it again"),
    "longer": (add(b"\1" * 40), "has 40 bytes more than yolov4_tiny with 80 classes"),
    "a page": (
        text("<!DOCTYPE html><title>Google Drive</title>"),
        "is a web page.*download the file",
    ),
    "a pointer": (
        text("version https://git-lfs.github.com/spec/v1\n"),
        "git-lfs pointer.*git lfs pull",
    ),
    "HDF5": (text(b"\x89HDF\r\n\x1a\n" + bytes(90)), r"is an HDF5 file.*Keras.*give"),
    "ONNX": (text(b"\x08\x08\x12\x07pytorch\x1a\x05" + bytes(90)), "is an ONNX file"),
    "a zip": (as_zip, "is a zip archive of something else"),
    "another network": (another_state, "tensors of another network.*give weights of yolov4"),
    "a pickle": (lambda path: torch.save(Pickled(), path), "Python code or objects.*never run"),
    "a configuration": (
        text("[net]\nwidth=416\n"),
        "is a Darknet configuration.*give the .weights",
    ),
    "not finite": (with_nan, "not finite, in convolution"),
    "a backbone": (backbone, "holds 72 of the 110 convolutions of yolov4, a start for training"),
    "a text": (text("hello there, this is some text of more than sixteen bytes"), "is neither"),
}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_weights_is_named_with_what_to_do(tmp_path: Path, what: str) -> None:
    make, told = WRONG[what]
    make(file := tmp_path / "yolov4 中文.weights")
    with pytest.raises(WeightsError, match=told) as caught:
        open_weights(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert "; " in message
    assert "\n" not in message


def test_a_start_for_training_is_no_detector(tmp_path: Path) -> None:
    """Told by its size, which is that of the published file; there are zeros in it here."""
    for size, told in (
        (170_038_676, "the first 137 of 162 layers of yolov4.*start for training"),
        (19_789_716, "the first 29 of 38 layers of yolov4_tiny"),
    ):
        file = tmp_path / f"{size}"
        with file.open("wb") as handle:
            handle.write(bytes(Header()))
            handle.truncate(size)
        with pytest.raises(WeightsError, match=told):
            open_weights(file)


def test_a_network_that_is_elsewhere_is_named(tmp_path: Path) -> None:
    file = tmp_path / "yolov4-tiny-3l.weights"
    with file.open("wb") as handle:
        handle.write(bytes(Header()))
        handle.truncate(25_336_200)
    with pytest.raises(WeightsError, match="yolov4-tiny-3l with 80 classes, which is not here"):
        open_weights(file)


@pytest.mark.usefixtures("narrow")
def test_another_network_than_was_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "a.weights")
    with pytest.raises(WeightsError, match="holds yolov4_tiny with 3 classes, not yolov4"):
        open_weights(file, "yolov4")


@pytest.mark.parametrize(
    ("near", "asked", "told"),
    [
        ("yolov4.weights.txt", "yolov4.weights", r"did you mean .*yolov4\.weights\.txt"),
        ("yolov4 (1).weights", "yolov4.weights", r"did you mean .*yolov4 \(1\)\.weights"),
        ("yolov4.weights.crdownload", "yolov4.weights", "a download that has not ended"),
        ("yolov4-tiny.weights", "yolov4-tiny.weight", r"did you mean .*yolov4-tiny\.weights"),
        ("notes.txt", "yolov4.weights", "there is no such file; check the path"),
    ],
)
def test_a_missing_file_is_looked_for_nearby(
    tmp_path: Path, near: str, asked: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / near).touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=told) as caught:
        open_weights(asked)
    assert str(caught.value).startswith(f"{tmp_path / asked}: ")


def test_a_missing_folder_is_named_with_where_we_are(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nor the folder .*the working folder is /"):
        open_weights(tmp_path / "checkpoints" / "yolov4.pth")


@pytest.mark.usefixtures("narrow")
def test_any_working_folder_and_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "my 模型").mkdir()
    file = write(folder / "a b.weights")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("a b.weights", "../my 模型/a b.weights", "~/my 模型/a b.weights", file):
        assert open_weights(path).file == file


@pytest.mark.usefixtures("narrow")
def test_names_of_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a.weights")
    (names := tmp_path / "a.names").write_text("猫\ndog\n<b>\n\n", "utf-8")
    assert open_detector(file, names=names).names == ("猫", "dog", "<b>")
    names.write_text("cat\ndog\n", "utf-8")
    with pytest.raises(StriateError, match="has 2 names for the 3 classes"):
        open_detector(file, names=names)


def test_published_weights_are_known() -> None:
    file = os.environ.get("STRIATE_TEST_DETECTOR")
    if not file:
        pytest.skip("STRIATE_TEST_DETECTOR does not name the published yolov4-tiny.weights")
    assert open_weights(file).published == "yolov4-tiny.weights"
