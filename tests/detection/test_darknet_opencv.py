"""Networks, files and decoding against OpenCV's own Darknet, which builds them from the text.

The published networks' topology at an eighth of their widths: every layer is there, and OpenCV
computes it in a tenth of a second. Its batch normalisation has an epsilon of 1e-6.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from striate.detection.decode import decode
from striate.detection.opening import open_detector
from striate.detection.weights.darknet import Header, Kind, read_darknet, write_darknet
from striate.detection.weights.order import Convolution, Norm, put_into, taken_from
from striate.zoo.create import DETECTORS
from striate.zoo.yolov4 import Detector, YOLOv4, YOLOv4Tiny

sys.path.insert(0, str(Path(__file__).parent))
from darknet_files import conditioned, images, tiny_cfg, yolov4_cfg

cv2 = pytest.importorskip("cv2", reason="OpenCV, which is the judge, is not installed")

SIZE = (192, 256)
EPS = 1e-6
CLASSES = 80
#: Scores, centres and sizes.
TOLERANCES = (2e-4, 5e-5, 1e-3)

Rows = NDArray[np.float32]


def theirs(cfg: Path, weights: Path, picture: torch.Tensor) -> Rows:
    """(boxes, 5 + classes), as OpenCV computes them."""
    network = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    network.enableWinograd(False)
    network.setInput(picture.numpy())
    found = network.forward(network.getUnconnectedOutLayersNames())
    return np.concatenate(found)


def ours(network: Detector, picture: torch.Tensor, heads: Any = None) -> Rows:
    with torch.inference_mode():
        return decode(network(picture), heads or network.heads)[0].numpy()


def differences(one: Rows, other: Rows) -> tuple[float, float, float]:
    apart = np.abs(one - other)
    return float(apart[:, 4:].max()), float(apart[:, :2].max()), float(apart[:, 2:4].max())


def same(one: Rows, other: Rows) -> bool:
    return all(a <= b for a, b in zip(differences(one, other), TOLERANCES, strict=True))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Rows]]:
    """Of a narrow network: the file of its weights, and what OpenCV computes with it."""
    folder = tmp_path_factory.mktemp("narrow")
    known: dict[str, tuple[Path, Rows]] = {}

    def give(kind: str) -> tuple[Path, Rows]:
        if kind not in known:
            make = YOLOv4Tiny if kind == "tiny" else YOLOv4
            network = conditioned(make(width=1 / 8, classes=CLASSES), eps=EPS)
            weights, cfg = folder / f"{kind}.weights", folder / f"{kind}.cfg"
            write_darknet(weights, taken_from(network), Header())
            text = (
                tiny_cfg(SIZE, width=8)
                if kind == "tiny"
                else yolov4_cfg(SIZE, width=8, new_coords=kind == "squared")
            )
            cfg.write_text(text)
            known[kind] = weights, theirs(cfg, weights, images(1, SIZE, seed=5))
        return known[kind]

    return give


def read(weights: Path, name: str) -> Detector:
    kind, convolutions = read_darknet(weights)
    assert kind == Kind(name, CLASSES)
    network = DETECTORS[name](classes=CLASSES)
    put_into(network, convolutions)
    for each in network.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.eps = EPS
    return network.eval()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("kind", ["yolov4", "squared", "tiny"])
def test_a_narrow_network_computes_what_opencv_does(
    kind: str, judged: Callable[[str], tuple[Path, Rows]]
) -> None:
    weights, wanted = judged(kind)
    network = read(weights, "yolov4_tiny" if kind == "tiny" else "yolov4")
    heads = network.heads
    if kind == "squared":
        heads = tuple(replace(head, scale=2.0, sizes="squared") for head in heads)
    found = ours(network, images(1, SIZE, seed=5), heads)
    assert found.shape == wanted.shape
    assert wanted[:, 4].std() > 0.01
    assert same(found, wanted), differences(found, wanted)


def without_exchange(network: Detector) -> None:
    for path, module in network.named_modules():
        if path.endswith("union"):
            first, second = module.conv.weight.data.chunk(2, 1)
            module.conv.weight.data = torch.cat([second, first], 1)


def pools_the_other_way(network: Detector) -> None:
    network.spp.pools = torch.nn.ModuleList(reversed(network.spp.pools))


def leaky(network: Detector) -> None:
    for module in network.backbone.modules():
        if hasattr(module, "slope"):
            module.slope = 0.1


def beta_for_gamma(network: Detector) -> None:
    def changed(each: Convolution) -> Convolution:
        norm = each.norm
        if norm is None:
            return each
        return replace(each, norm=Norm(norm.gamma, norm.beta, norm.mean, norm.variance))

    put_into(network, [changed(each) for each in taken_from(network)])


def no_scale(network: Detector) -> None:
    network.heads = tuple(replace(head, scale=1.0) for head in network.heads)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "mistake", [without_exchange, pools_the_other_way, leaky, beta_for_gamma, no_scale]
)
def test_each_mistake_would_be_seen(
    mistake: Callable[[Detector], None], judged: Callable[[str], tuple[Path, Rows]]
) -> None:
    weights, wanted = judged("yolov4")
    network = read(weights, "yolov4")
    mistake(network)
    assert not same(ours(network, images(1, SIZE, seed=5)), wanted)


@pytest.mark.slow
def test_the_whole_network_computes_what_opencv_does(tmp_path: Path) -> None:
    network = conditioned(YOLOv4(), eps=EPS)
    weights, cfg = tmp_path / "yolov4.weights", tmp_path / "yolov4.cfg"
    write_darknet(weights, taken_from(network), Header())
    assert weights.stat().st_size == 257_717_640
    kind, convolutions = read_darknet(weights)
    assert kind == Kind("yolov4", 80)
    pairs = zip(convolutions, taken_from(network), strict=True)
    assert all(torch.equal(one.kernel, other.kernel) for one, other in pairs)
    size = (224, 320)
    cfg.write_text(yolov4_cfg(size))
    picture = images(1, size, seed=5)
    wanted = theirs(cfg, weights, picture)
    assert max(differences(ours(network, picture), wanted)[:2]) <= 2e-4
    for each in network.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.eps = 1e-5
    assert max(differences(ours(network, picture), wanted)[:2]) <= 5e-3


@pytest.mark.parametrize("size", [(416, 416), (320, 608)])
def test_the_published_tiny_weights_compute_what_opencv_does(
    size: tuple[int, int], tmp_path: Path
) -> None:
    file = os.environ.get("STRIATE_TEST_DETECTOR")
    if not file:
        pytest.skip("STRIATE_TEST_DETECTOR does not name the published yolov4-tiny.weights")
    (cfg := tmp_path / "tiny.cfg").write_text(tiny_cfg(size))
    detector = open_detector(file, size=size, epsilon=EPS)
    picture = images(1, size, seed=5)
    apart = differences(detector.rows(picture)[0], theirs(cfg, Path(file), picture))
    assert max(apart) <= 1e-5


def test_the_texts_have_darknets_layers() -> None:
    """What the other tests stand on: 162 layers and 38, and the routes of the authors' files."""
    for text, layers in ((yolov4_cfg((608, 608)), 162), (tiny_cfg((416, 416)), 38)):
        assert len(re.findall(r"^\[", text, re.M)) == 1 + layers
    routes = re.findall(r"^layers=(.*)$", yolov4_cfg((608, 608)), re.M)
    assert routes[1:10:2] == ["-1,-7", "-1,-10", "-1,-28", "-1,-28", "-1,-16"]
