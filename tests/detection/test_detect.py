"""`striate.detect` and its command: pictures of all kinds in, boxes within them out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import striate
from striate.cli.main import app
from striate.detection.boxes import Boxes
from striate.detection.detector import Choice
from striate.detection.draw import drawn
from striate.detection.fitting import Fitting
from striate.detection.opening import open_detector
from striate.detection.weights.darknet import Header, write_darknet
from striate.detection.weights.order import taken_from
from striate.errors import DataError, NetworkError, StriateError
from striate.zoo.yolov4 import YOLOv4Tiny

sys.path.insert(0, str(Path(__file__).parent))
from darknet_files import conditioned, tiny_cfg

pytestmark = pytest.mark.usefixtures("narrow")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = conditioned(YOLOv4Tiny(width=1 / 8, classes=3), eps=1e-5)
    for head in (network.head4, network.head5):  # surer of things than a random network is
        head.out.bias.data += 0.5
    path = tmp_path_factory.mktemp("weights") / "small.weights"
    write_darknet(path, taken_from(network), Header())
    return path


def picture(size: tuple[int, int] = (60, 90), seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """Pictures of many kinds, and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rgb = Image.fromarray(picture())
    rgb.convert("L").save(folder / "a grey.png")
    rgb.convert("RGBA").save(folder / "b rgba.png")
    rgb.convert("P").save(folder / "c palette.png")
    rgb.convert("CMYK").save(folder / "d cmyk.jpg")
    Image.fromarray(picture()[..., 0].astype(np.uint16) * 256).save(folder / "e 16 bit.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    rgb.save(folder / "f turned.jpg", exif=turned)
    Image.new("RGB", (1, 1), "red").save(folder / "g one.png")
    Image.fromarray(picture((30, 4000))).save(folder / "h long.png")
    (folder / "i broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    rgb.save(folder / "j <b> 图.png")
    return folder


def test_boxes_lie_within_pictures_of_every_kind(weights: Path, kinds: Path) -> None:
    found = striate.detect(weights, kinds, size=64, threshold=0.05, workers=2)
    assert [Path(each.file).name[0] for each in found] == list("abcdefghij")
    assert [each.file for each in found if each.error] == [str(kinds / "i broken.jpg")]
    sizes = {Path(each.file).name[0]: each.size for each in found}
    assert (sizes["a"], sizes["f"], sizes["g"], sizes["h"]) == (
        (60, 90),
        (90, 60),
        (1, 1),
        (30, 4000),
    )
    assert sum(len(each.boxes) for each in found) > 20
    for each in found:
        height, width = each.size
        xyxy = each.boxes.xyxy
        assert np.isfinite(xyxy).all()
        assert (xyxy >= 0).all()
        assert (xyxy <= np.array([width, height] * 2)).all()
        assert (np.diff(each.boxes.scores) <= 0).all()
        assert len(each.labels) == len(each.boxes)


def test_the_same_for_any_number_of_workers(weights: Path, kinds: Path) -> None:
    one, other = (
        striate.detect(weights, kinds, size=64, threshold=0.1, workers=workers)
        for workers in (0, 3)
    )
    assert [json.dumps(each.to_json()) for each in one] == [
        json.dumps(each.to_json()) for each in other
    ]


def test_thresholds_and_rules(weights: Path) -> None:
    def count(**options: object) -> int:
        (found,) = striate.detect(weights, picture(), size=64, **options)
        return len(found.boxes)

    assert count(threshold=0.1) > count(threshold=0.4)
    assert count(threshold=0.1, iou=1.0) > count(threshold=0.1, iou=0.2)
    assert count(threshold=0.1, nms="iou") <= count(threshold=0.1)
    assert count(threshold=0.99) == 0


def test_the_command_tells_what_it_found_and_what_decided(weights: Path, kinds: Path) -> None:
    (names := kinds.parent / "a.names").write_text("猫\n<b>dog</b>\nred\x1b[2Jbird\n", "utf-8")
    asked = ["detect", str(weights), str(kinds), "--size", "64x96", "--names", str(names)]
    told = CliRunner().invoke(app, [*asked, "--threshold", "0.1"], catch_exceptions=False)
    assert told.exit_code == 2
    first, *lines = told.stdout.splitlines()
    assert first.startswith("yolov4_tiny: Darknet's layout, 3 classes, 96×64 stretch")
    assert "threshold 0.1, greedy 0.45" in first
    assert any("a grey.png: 90×60, " in line for line in lines)
    assert "\x1b" not in told.stdout
    assert "i broken.jpg: " in told.stderr
    assert "1 of 10 images cannot be read" in told.stderr

    assert "hold no names" not in told.stderr
    told = CliRunner().invoke(app, [*asked[:-2], "--skip-bad"], catch_exceptions=False)
    assert "the weights hold no names of classes; give --names FILE" in told.stderr

    told = CliRunner().invoke(app, [*asked, "--json", "--skip-bad"], catch_exceptions=False)
    assert told.exit_code == 0
    document = json.loads(told.stdout)
    settings = document["settings"]
    assert (settings["network"], settings["decoding"], settings["threshold"], settings["nms"]) == (
        "yolov4_tiny", "darknet", 0.25, "greedy",
    )  # fmt: skip
    by_name = {Path(each["file"]).name[0]: each for each in document["images"]}
    assert "error" in by_name["i"]
    assert by_name["f"].keys() == {"file", "width", "height", "boxes"}
    boxes = [box for each in document["images"] for box in each.get("boxes", ())]
    assert boxes
    assert all(box.keys() == {"class", "score", "box"} and len(box["box"]) == 4 for box in boxes)


def test_pictures_are_drawn(weights: Path, kinds: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    found = striate.detect(weights, kinds, size=64, threshold=0.05, output=out)
    assert [bool(each.picture) for each in found] == [not each.error for each in found]
    for each in found:
        if each.picture:
            with Image.open(each.picture) as drawing:
                assert drawing.size == each.size[::-1]
    assert len(list(out.iterdir())) == 9
    with pytest.raises(StriateError, match="is one file; give a folder"):
        striate.detect(weights, kinds, size=64, output=tmp_path / "one.png")


def test_a_drawn_box_stands_at_its_edges_in_its_colour() -> None:
    image = np.zeros((80, 120, 3), np.uint8)
    boxes = Boxes(
        np.array([[20, 30, 70, 70], [20, 30, 70, 70]], np.float32),
        np.array([0.9, 0.5], np.float32),
        np.array([0, 1]),
    )
    pixels = np.asarray(drawn(image, boxes, ("猫", "dog")))
    lit = pixels.any(2)
    assert lit[69, 20:70].all()
    assert lit[40:70, 69].all()
    assert not lit[71:].any()
    assert not lit[66:, 71:].any()


def test_a_long_name_at_the_edge_stays_within(weights: Path) -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    boxes = Boxes(
        np.array([[30, 0, 40, 5]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
    )
    assert drawn(image, boxes, ("a very long name that is wider than all",)).size == (40, 40)


# --- input ---------------------------------------------------------------------------------------


def test_stretching_has_its_outermost_samples_on_the_outermost_pixels() -> None:
    image = picture((9, 13))
    values, _ = Fitting((5, 7))(image)
    rows, columns = np.linspace(0, 8, 5), np.linspace(0, 12, 7)
    assert np.allclose(
        values.permute(1, 2, 0).numpy(), image[np.ix_(rows.astype(int), columns.astype(int))] / 255
    )


def test_a_letterbox_keeps_proportions_and_its_boxes_come_back() -> None:
    image = np.full((50, 100, 3), 255, np.uint8)
    values, place = Fitting((64, 64), "letterbox")(image)
    assert np.allclose(values[:, 16:48], 1)
    assert (values[:, :16] == 0.5).all()
    assert (values[:, 48:] == 0.5).all()
    inside = np.array([[0, 0.25, 1, 0.75]], np.float32)
    assert place.of_picture(inside).tolist() == [[0, 0, 1, 1]]


def test_distances_are_measured_in_a_square_or_in_pixels(weights: Path) -> None:
    """Darknet's `test` and its `valid` differ so; in a very long picture other boxes stay."""
    detector = open_detector(weights, size=64)
    image = picture((30, 600))
    square, pixels = (
        detector.boxes(image, Choice(threshold=0.05, limit=0.2, in_pixels=each))
        for each in (False, True)
    )
    assert len(square) != len(pixels)


# --- what goes with what -------------------------------------------------------------------------


def test_a_network_by_name_and_its_weights(weights: Path) -> None:
    one = striate.detect("yolov4_tiny", picture(), weights=weights, size=64)
    other = striate.detect(weights, picture(), size=64)
    assert one[0].to_json() == other[0].to_json()
    with pytest.raises(NetworkError, match="finds nothing without weights; give `weights`"):
        striate.detect("yolov4", picture())
    with pytest.raises(NetworkError, match="classifies, and finds no boxes; name yolov4"):
        striate.detect("resnet18", picture(), weights=weights)
    with pytest.raises(StriateError, match="goes with the name of a network"):
        striate.detect(weights, picture(), weights=weights)
    with pytest.raises(StriateError, match="multiples of 32; for example 96x64"):
        striate.detect(weights, picture(), size=(100, 65))
    with pytest.raises(DataError, match="there is no such file"):
        striate.detect(weights, "absent.jpg")


def test_choices_that_are_none_are_refused(weights: Path) -> None:
    for option, given, near in (
        ("nms", "gredy", "greedy"),
        ("decoding", "scaled", "unscaled"),
        ("fit", "strech", "stretch"),
        ("precision", "float16", "bfloat16"),
    ):
        with pytest.raises(StriateError, match=rf"`{option}='{given}'`: .*did you mean '{near}'"):
            striate.detect(weights, picture(), **{option: given})
    told = CliRunner().invoke(app, ["detect", str(weights), "a.jpg", "--nms", "soft"])
    assert "--nms soft: there is no such choice" in str(told.exception)


def test_a_network_with_its_weights(weights: Path) -> None:
    network = striate.create("yolov4_tiny", weights=weights)
    values = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        maps = network(values)
    assert [each.shape[1] for each in maps] == [3 * 8] * 2
    with pytest.raises(StriateError, match="holds 3 classes, not 5"):
        striate.create("yolov4_tiny", 5, weights=weights)


def test_a_configuration_with_other_anchors(weights: Path, tmp_path: Path) -> None:
    text = tiny_cfg((64, 96), width=8, classes=3, raw=False)
    (cfg := tmp_path / "a.cfg").write_text(text)
    plain = open_detector(weights, size=(64, 96))
    same = open_detector(weights, cfg=cfg)
    assert (same.heads, same.fitting, same.rule) == (plain.heads, plain.fitting, "greedy")
    cfg.write_text(
        text.replace("81,82", "70, 90").replace("nms_kind=greedynms\n", "")
        .replace("channels=3", "letter_box=1")
    )  # fmt: skip
    other = open_detector(weights, cfg=cfg)
    assert other.heads[0].anchors[0] == (70, 90)
    assert (other.fitting.fit, other.rule) == ("letterbox", "iou")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("classes=3", "classes=4"), r"a network that is not here .*whose classes are 4"),
        (("filters=8", "filters=9"), "a network that is not here"),
        (("[maxpool]", "[avgpool]"), "a network that is not here"),
        (("width=96", "width=100"), "no multiples of 32"),
        (("anchors=10,14", "anchors=ten"), "is no number"),
        (("nms_kind=greedynms", "nms_kind=cornersnms"), "nms_kind=cornersnms is not here"),
        (("[net]", "[next]"), "is no Darknet configuration"),
        (("[net]", "net]"), "line 1 is neither"),
        (("mask=3,4,5", "mask=3,4,9"), "no three anchors by its mask"),
        (("activation=linear", "activation=logistic"), "with new_coords=1 it is logistic"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(
    weights: Path, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    text = tiny_cfg((64, 96), width=8, classes=3, raw=False)
    assert change[0] in text
    (cfg := tmp_path / "a.cfg").write_text(text.replace(*change))
    with pytest.raises(NetworkError, match=told) as caught:
        open_detector(weights, cfg=cfg)
    assert str(caught.value).startswith(str(cfg))


def test_a_configuration_of_another_network_says_which_is_which(
    weights: Path, tmp_path: Path
) -> None:
    (cfg := tmp_path / "a.cfg").write_text(tiny_cfg((64, 96), width=8, classes=80))
    with pytest.raises(NetworkError, match=r"with 80 classes, but the weights hold .* with 3"):
        open_detector(weights, cfg=cfg)


def test_without_opencv_and_without_a_gpu() -> None:
    code = (
        "import sys; sys.modules['cv2'] = None; import striate.detection.opening, "
        "striate.detection.draw, striate.api.detecting; print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "fine\n"


# --- the published weights -----------------------------------------------------------------------


def test_the_published_weights_find_what_darknet_finds() -> None:
    """`STRIATE_TEST_DETECTOR` names yolov4-tiny.weights, beside which bus.jpg lies."""
    named = os.environ.get("STRIATE_TEST_DETECTOR", "")
    bus = Path(named).parent / "bus.jpg"
    if not named or not bus.is_file():
        pytest.skip("STRIATE_TEST_DETECTOR names no published weights with bus.jpg beside them")
    with pytest.MonkeyPatch.context() as patch:
        from striate.detection.weights.darknet import sizes
        from striate.zoo import yolov4
        from striate.zoo.create import DETECTORS

        patch.setitem(DETECTORS, "yolov4_tiny", yolov4.yolov4_tiny)
        patch.setitem(DETECTORS, "yolov4", yolov4.yolov4)
        sizes.cache_clear()
        (found,) = striate.detect(named, bus)
    assert found.labels == ("person", "person", "person", "bus", "truck", "skateboard")
    wanted = [99.2, 94.8, 86.4, 73.6, 41.7, 36.9]
    assert (100 * found.boxes.scores).tolist() == pytest.approx(wanted, abs=0.2)
    assert torch.is_grad_enabled()
