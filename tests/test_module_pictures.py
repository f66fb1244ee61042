"""Pictures of modules show the layers that the networks have, joined as they are."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from striate.anatomy.graph.record import Graph
from striate.runs.open_network import open_network
from striate.zoo.create import create
from striate.zoo.weightless import weightless

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from network_pages.boxes import Box, Module, module
from network_pages.layout import arrange
from network_pages.module_picture import module_picture
from network_pages.modules import drawn, exits

NAMES = ["googlenet", "inception_v3", "resnet20", "resnet50", "xception", "se_resnet50"]


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    return {name: open_network(name).record() for name in NAMES}


def layers(found: Module) -> list[str]:
    return [one.title for one in found.boxes if one.kind not in ("input", "joint")]


def test_the_first_inception_module_is_that_of_the_paper(graphs: dict[str, Graph]) -> None:
    found = module(graphs["googlenet"], "inception_3a")
    assert [(one.title, one.reads) for one in found.boxes] == [
        ("input", ()),
        ("1×1, 64", (0,)),
        ("1×1, 96", (0,)),
        ("3×3, 128", (2,)),
        ("1×1, 16", (0,)),
        ("5×5, 32", (4,)),
        ("max pool 3×3", (0,)),
        ("1×1, 32", (6,)),
        ("concatenate", (1, 3, 5, 7)),
    ]


def test_a_bottleneck_adds_its_input(graphs: dict[str, Graph]) -> None:
    found = module(graphs["resnet50"], "conv2_x.1")
    assert layers(found) == ["1×1, 64", "3×3, 64", "1×1, 256"]
    assert found.boxes[-1].reads == (3, 0)
    assert [one.extras for one in found.boxes[1:4]] == [("BN", "ReLU"), ("BN", "ReLU"), ("BN",)]
    assert found.boxes[-1].extras == ("ReLU",)


def test_a_shortcut_without_weights_is_told(graphs: dict[str, Graph]) -> None:
    assert {"every 2nd position", "zeros to 32"} <= set(
        layers(module(graphs["resnet20"], "stage2.0"))
    )


def test_separable_layers_are_a_depthwise_and_a_pointwise_one(graphs: dict[str, Graph]) -> None:
    assert layers(module(graphs["xception"], "entry2"))[1:3] == ["3×3 depthwise, 128", "1×1, 256"]


def test_gates_are_drawn(graphs: dict[str, Graph]) -> None:
    found = module(graphs["se_resnet50"], "conv2_x.1")
    assert "global average pool" in layers(found)
    assert [one.what for one in found.boxes if one.kind == "joint"] == ["×", "+"]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_have_the_layers_of_the_modules(graphs: dict[str, Graph], name: str) -> None:
    with weightless():
        network = create(name)
    found = drawn(graphs[name])
    assert found
    for each in found:
        own = network.get_submodule(each.path).modules()
        expected = sorted(
            ("×".join(map(str, one.kernel_size)), one.out_channels)
            for one in own
            if isinstance(one, nn.Conv2d)
        )
        shown = [one for one in each.boxes if one.kind in ("convolution", "depthwise")]
        assert sorted((one.what.split()[0], one.channels) for one in shown) == expected


@pytest.mark.parametrize("name", NAMES)
def test_joints_fit_what_they_join(graphs: dict[str, Graph], name: str) -> None:
    for each in drawn(graphs[name]):
        for one in each.boxes:
            channels = [each.boxes[at].channels for at in one.reads]
            if one.what == "concatenate":
                assert one.channels == sum(channels)
            elif one.what == "+":
                assert set(channels) == {one.channels}


def test_auxiliary_heads_leave_where_the_paper_says() -> None:
    found = exits(open_network("googlenet").record(training=True), (0.3, 0.3))
    assert found is not None
    titles = [one.title for one in found.boxes]
    first, second = (
        titles.index("conv1 to inception_4a"),
        titles.index("inception_4b to inception_4d"),
    )
    pools = [one for one in found.boxes if one.what == "average pool 5×5"]
    assert [one.reads for one in pools] == [(first,), (second,)]
    assert titles.count("loss × 0.3") == 2
    assert titles[-1] == "loss × 1"


def box(kind: str, *reads: int) -> Box:
    return Box(kind=kind, what=kind, channels=1, shape=(1, 1, 1), reads=reads)


def test_boxes_stand_apart_and_lines_keep_clear_of_them(graphs: dict[str, Graph]) -> None:
    for graph in graphs.values():
        for each in drawn(graph):
            layout = arrange(each.boxes)
            rows: dict[int, list[float]] = {}
            passing = {point for line in layout.lines for point in line[1:-1]}
            for column, row in {*layout.places, *passing}:
                rows.setdefault(row, []).append(column)
            for columns in rows.values():
                assert all(b - a >= 0.99 for a, b in pairwise(sorted(columns))), each.path


def test_a_shortcut_past_three_layers_stands_beside_them() -> None:
    layout = arrange([box("input"), box("a", 0), box("b", 1), box("c", 2), box("+", 3, 0)])
    columns = [column for column, _ in layout.places]
    assert columns[1] == columns[2] == columns[3]
    assert columns[0] == columns[4]
    (shortcut,) = [line for line in layout.lines if len(line) > 2]
    assert {column for column, _ in shortcut[1:-1]} == {columns[1] + 1}


def test_words_of_a_module_are_escaped() -> None:
    wild: Any = Module(path="<b>", kind="A&B", boxes=(box("input"), box("<i>", 0)))
    picture = module_picture(wild)
    assert "<b>" not in picture
    assert "&lt;i&gt;" in picture
