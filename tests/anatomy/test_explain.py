"""Every formula comes to the number beside it, and that number is the network's."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import nn

from striate.anatomy.costs.arithmetic import arithmetic, sizes
from striate.anatomy.explain import explain
from striate.anatomy.graph.record import Graph, record
from striate.errors import NetworkError
from striate.hub.resolve import resolve


def reckon(filled: str) -> float:
    """The value of a formula as it is printed."""
    text = filled.partition(" − 1 (that")[0]
    less = " - 1" if text != filled else ""
    for mark, plain in (
        ("·", "*"),
        ("−", "-"),
        ("⌊", "floor("),
        ("⌋", ")"),
        ("⌈", "ceil("),
        ("⌉", ")"),
    ):
        text = text.replace(mark, plain)
    assert re.fullmatch(r"[\d\s+*/().a-z-]+", text), filled
    return float(eval(text + less, {"floor": math.floor, "ceil": math.ceil}))


def graph_of(spec: str, size: int | None = None) -> Graph:
    found = resolve(spec, size=size)
    return record(found.network, torch.empty(1, *found.input, device="meta"), name=spec)


class Odd(nn.Module):
    """Every operator whose arithmetic is not in the catalogue."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(
            4, 8, (3, 5), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2
        )
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.average = nn.AvgPool2d((1, 2), ceil_mode=True)
        self.norm = nn.GroupNorm(2, 6)
        self.bins = nn.AdaptiveAvgPool2d((3, 2))
        self.head = nn.Linear(36, 5, bias=False)
        self.scale = nn.Parameter(torch.ones(6, 1, 1))
        self.never = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(torch.relu(self.up(self.wide(x))))
        x = nn.functional.pad(self.norm(x) * self.scale, (1, 2, 0, 3))
        x = nn.functional.interpolate(self.average(x), scale_factor=2)
        x = torch.cat([x[:, :2], x[:, 2:]], dim=1) + x
        return self.head(self.bins(x).flatten(1))


@pytest.fixture(scope="module")
def odd() -> Graph:
    with torch.device("meta"):
        return record(Odd(), torch.empty(1, 4, 23, 31), name="odd")


@pytest.mark.parametrize(
    "spec", ["lenet5", "alexnet", "googlenet", "resnet50_v1_5", "torchvision:vit_b_16", "odd"]
)
def test_formulas_come_to_what_was_recorded(spec: str, odd: Graph) -> None:
    graph = odd if spec == "odd" else graph_of(spec)
    explained = 0
    for node in graph.nodes:
        for line in arithmetic(node, graph):
            if "bins" in line.filled or " of " in line.filled or not line.filled:
                continue
            assert reckon(line.filled) == line.value, (node.name, line)
            explained += 1
        for line in sizes(node, graph):
            if line.what in {"height and width", "height"}:
                assert line.value == node.shape[2], (node.name, line)
            if line.what in {"height and width", "width"}:
                assert line.value == node.shape[3], (node.name, line)
            if line.what in {"channels", "values"}:
                assert line.value == node.shape[1], (node.name, line)
    assert explained > sum(node.bytes > 0 for node in graph.nodes)  # views have nothing to explain


def signs(formula: str) -> list[str]:
    plain = formula.partition(" − 1 (that")[0].replace("2p", "2·p")
    return re.findall(r"[+−·/⌊⌋⌈⌉()]", plain)


@pytest.mark.parametrize(
    "spec", ["lenet", "alexnet", "googlenet", "torchvision:resnext50_32x4d", "odd"]
)
def test_a_rule_has_the_terms_of_its_numbers(spec: str, odd: Graph) -> None:
    """Bracket for bracket, so that a beginner finds each letter's number."""
    graph = odd if spec == "odd" else graph_of(spec)
    compared = 0
    for node in graph.nodes:
        if "kernel" in node.attributes:
            for line in arithmetic(node, graph):
                if "all" not in line.rule and line.what != "other operations":
                    assert signs(line.rule) == signs(line.filled), (node.name, line)
                    compared += 1
    assert compared > 5
    for line in (line for node in graph.nodes for line in arithmetic(node, graph)):
        if line.what == "other operations":  # says where every factor is from
            factors = line.filled.split("·")
            assert line.rule.startswith((f"{factors[0]}·", "k·", "c·h·w", "values", "every"))


def test_a_layer_that_mixes_all_positions_says_so() -> None:
    way = explain(graph_of("lenet"), "fc1").backward[0][0]
    assert (way.line.filled, way.line.value) == ("all 5 positions", "5")


def test_every_layer_of_a_network_can_be_explained(odd: Graph) -> None:
    for graph in (odd, graph_of("googlenet", 224)):
        for name in [node.name for node in graph.nodes][:: 1 if graph is odd else 12]:
            found = explain(graph, name)
            assert found.to_json()["layer"] == name
            for line in found.forward:
                if line.filled and "all of" not in line.filled:
                    assert str(round(reckon(line.filled), 4)).rstrip("0").rstrip(".") == line.value


def test_both_ends_agree() -> None:
    graph = graph_of("alexnet")
    found = explain(graph, "pool5" if any(n.name == "pool5" for n in graph.nodes) else "conv5")
    sizes_ = [way.size for way in found.backward[0]]
    assert sizes_[-1] == found.receptive_field[0]  # type: ignore[index]
    for way in found.backward[0]:
        assert reckon(way.line.filled) == way.size
    assert found.backward == explain(graph, found.layer, at=(0, 0)).backward


def test_what_a_position_sees() -> None:
    graph = graph_of("lenet")
    corner = explain(graph, "conv2", at=(0, 0))
    assert [(one.clipped, one.position) for one in corner.sights] == [((0, 13), 0)] * 2
    assert corner.receptive_field == (14, 14)
    assert corner.jump == (2, 2)
    last = explain(graph, "conv2", at=(9, 0))
    assert last.sights[0].clipped == (18, 31)
    padded = explain(graph_of("resnet18"), "conv1", at=(0, 111))
    assert (padded.sights[0].first, padded.sights[0].clipped) == (-3, (0, 3))
    assert padded.sights[1].clipped == (219, 223)
    head = explain(graph, "fc1")
    assert head.everything
    assert [one.clipped for one in head.sights] == [(0, 31), (0, 31)]
    with pytest.raises(NetworkError, match=r"position 10,0: conv2 has 10 rows and 10 columns"):
        explain(graph, "conv2", at=(10, 0))


def test_axes_are_the_images_own() -> None:
    line = nn.Sequential(nn.Conv1d(2, 4, 9, stride=4), nn.MaxPool1d(2))
    found = explain(record(line, torch.empty(1, 2, 1000)), "0")
    assert (found.receptive_field, found.jump) == ((1, 9), (1, 4))
    assert [(one.position, one.clipped) for one in found.sights] == [(0, (0, 0)), (124, (496, 504))]
    assert {each.what: each.filled for each in found.lines}["MACs"] == "9·2·4·248"

    film = nn.Sequential(nn.Conv3d(1, 4, (5, 3, 1), stride=(1, 2, 1)))
    found = explain(record(film, torch.empty(1, 1, 8, 33, 16)), "0", at=(15, 3))
    assert [each.filled for each in found.forward[::2]] == ["1 + (3 − 1)·1", "1 + (1 − 1)·1"]
    assert [one.clipped for one in found.sights] == [(30, 32), (3, 3)]
    with pytest.raises(NetworkError, match="has 16 rows and 16 columns"):
        explain(record(film, torch.empty(1, 1, 8, 33, 16)), "0", at=(16, 0))


def test_positions_folded_into_the_batch_axis_count() -> None:
    graph = graph_of("torchvision:vit_b_16")
    found = explain(graph, "encoder.layers.encoder_layer_0.mlp.0")
    assert found.output == (197, 3072)
    module = explain(graph, "encoder.layers.encoder_layer_0.mlp")
    assert module.inputs == (("encoder.layers.encoder_layer_0.ln_2", (197, 768)),)


def test_numbers_of_the_textbook() -> None:
    lines = {line.what: line for line in explain(graph_of("lenet"), "conv2").lines}
    assert lines["parameters"].filled == "(5·5·6 + 1)·16"
    assert lines["parameters"].value == 2416
    lines = {line.what: line for line in explain(graph_of("lenet5"), "C3").lines}
    assert lines["parameters"].filled == "5·5·(6·16 − 36) + 16"
    assert lines["parameters"].value == 1516
    assert lines["MACs"].value == 150_000
    half = {line.what: line for line in explain(graph_of("alexnet_half"), "conv5").lines}
    assert half["parameters"].value == 221_312
    assert str(half["parameters"]) == "parameters: (3·3·192 + 1)·128 = 221,312"


def test_a_module_of_several_operators_is_added_up() -> None:
    graph = graph_of("googlenet")
    found = explain(graph, "inception_3a")
    lines = {line.what: line.value for line in found.lines}
    assert found.output == (256, 28, 28)
    assert lines["parameters"] == 163_696
    assert lines["MACs"] == 128_049_152
    assert len(found.parts) > 8
    assert [shape for _, shape in found.inputs] == [(192, 28, 28)]


def test_faults_are_named(odd: Graph) -> None:
    with pytest.raises(NetworkError, match=r"layer 'poool' of odd: there is no such .*'pool'"):
        explain(odd, "poool")
    with pytest.raises(NetworkError, match="never run"):
        explain(odd, "never")
    with pytest.raises(NetworkError, match="layer '' of odd: there is no such layer"):
        explain(odd, "")
