"""YOLOv4 and YOLOv4-tiny: counts, maps, strides, and what they refuse.

That they compute what Darknet's files mean is in `tests/detection/test_darknet_opencv.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import striate
from striate.anatomy.costs.counting import count_macs
from striate.anatomy.graph.record import record
from striate.anatomy.receptive_field.fields import receptive_fields
from striate.errors import NetworkError
from striate.zoo.create import DETECTORS, create
from striate.zoo.weightless import weightless
from striate.zoo.yolov4 import Detector, YOLOv4, YOLOv4Tiny


def on_meta(name: str) -> Detector:
    with weightless():
        network = create(name)
    assert isinstance(network, Detector)
    return network.eval()


@pytest.mark.parametrize(
    ("size", "billions"), [(320, 17.78), (416, 30.05), (512, 45.52), (608, 64.19)]
)
def test_multiply_accumulates_by_input(size: int, billions: float) -> None:
    found = count_macs(on_meta("yolov4"), (3, size, size))
    assert found / 1e9 == pytest.approx(billions, abs=0.01)


@pytest.mark.parametrize(
    ("name", "convolutions", "normed"), [("yolov4", 110, 107), ("yolov4_tiny", 21, 19)]
)
def test_darknets_number_of_convolutions(name: str, convolutions: int, normed: int) -> None:
    network = on_meta(name)
    # Two of Darknet's convolutions, side by side on one map, are one in each of the five stages.
    halves = 5 if name == "yolov4" else 0
    assert sum(isinstance(each, nn.Conv2d) for each in network.modules()) == convolutions - halves
    assert sum(isinstance(each, nn.BatchNorm2d) for each in network.modules()) == normed - halves


@pytest.mark.parametrize("name", DETECTORS)
def test_every_head_gives_a_map_of_its_stride_and_reads_every_parameter(name: str) -> None:
    network = on_meta(name)
    maps = network(torch.empty(2, 3, 96, 160, device="meta"))
    shapes = [(2, 3 * 85, 96 // head.stride, 160 // head.stride) for head in network.heads]
    assert [tuple(each.shape) for each in maps] == shapes
    sum(each.sum() for each in maps).backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []


class Staged(nn.Module):
    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.network.stages(x)


@pytest.mark.parametrize("name", DETECTORS)
def test_strides_and_channels_are_those_of_the_recorded_graph(name: str) -> None:
    network = on_meta(name)
    graph = record(Staged(network), torch.empty(1, 3, 416, 416, device="meta"))
    fields = receptive_fields(graph)
    found = [(graph.nodes[each].shape[1], fields[each][0].jump) for each in graph.outputs]
    assert found == list(zip(network.channels, network.strides, strict=True))


def test_the_backbone_sees_what_the_paper_says() -> None:
    """Table 1: 725×725 pixels."""
    graph = record(Staged(on_meta("yolov4")), torch.empty(1, 3, 608, 608, device="meta"))
    field = receptive_fields(graph)[graph.outputs[-1]]
    assert field is not None
    assert (field[0].size, field[1].size) == (725, 725)


@pytest.mark.parametrize("make", [YOLOv4, YOLOv4Tiny])
def test_a_narrow_one_computes_on_any_multiple_of_32(make: type[Detector]) -> None:
    torch.manual_seed(0)
    network = make(width=1 / 8, classes=2).eval()
    with torch.no_grad():
        maps = network(torch.rand(1, 3, 64, 96))
    assert all(torch.isfinite(each).all() for each in maps)
    assert network.stages(torch.rand(1, 3, 32, 32))[-1].shape[2:] == (1, 1)


def test_sides_that_are_no_multiples_of_32_are_refused_with_the_nearest() -> None:
    network = YOLOv4Tiny(width=1 / 8)
    with pytest.raises(NetworkError, match="multiples of 32; for example 416×608"):
        network(torch.rand(1, 3, 417, 600))
    with pytest.raises(NetworkError, match="YOLOv4Tiny takes"):
        network(torch.rand(1, 1, 64, 64))
    with pytest.raises(NetworkError, match="no vector"):
        network.embed(torch.rand(1, 3, 64, 64))


def test_what_trains_classifiers_refuses_a_detector(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"finds boxes.*striate detect"):
        striate.train("digits", net="yolov4_tiny", out=tmp_path / "a")
    with pytest.raises(NetworkError, match="finds boxes"):
        striate.create_run("yolov4", tmp_path / "b")
    with pytest.raises(NetworkError, match="finds boxes"):
        striate.transfer("digits", backbone="yolov4_tiny", weights="x.safetensors")
    assert list(tmp_path.iterdir()) == []
