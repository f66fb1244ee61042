"""The page of a network without a browser: what it knows, and how it is written."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from striate.anatomy.costs.counting import macs
from striate.anatomy.graph.record import Graph, record
from striate.anatomy.receptive_field.fields import receptive_fields
from striate.anatomy.table import table
from striate.anatomy.view.activations import CHANNELS, watch
from striate.anatomy.view.build import render
from striate.anatomy.view.payload import payload
from striate.anatomy.view.picture import cut, landscape
from striate.anatomy.view.tree import Group, Leaf, tree

PICTURE = {"src": "data:,", "width": 32, "height": 32, "pixels": True, "name": "none"}


class Block(nn.Module):
    """Two branches of different reach that are added; one ReLU for three places."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(4, 4, 1)
        self.wide = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.relu(self.narrow(x)) + self.relu(self.wide(x)))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.stages = nn.ModuleList([Block(), Block()])
        self.pools = nn.ModuleList([nn.MaxPool2d(2), nn.MaxPool2d(2)])
        self.shared = Block()
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage, pool in zip(self.stages, self.pools, strict=True):
            x = pool(stage(x))
        x = self.shared(F.max_pool2d(self.shared(x), 2))
        return self.fc(x.mean((2, 3)).flatten(1))


def graph_of(network: nn.Module, *shape: int, name: str = "made up") -> Graph:
    return record(network, torch.empty(1, *shape, device="meta"), name=name)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(Network(), 3, 32, 32)


@pytest.fixture(scope="module")
def known(graph: Graph) -> dict[str, Any]:
    return payload(graph, picture=PICTURE)


def names(group: Group) -> list[str]:
    return [item.name if isinstance(item, Group) else item.label for item in group.items]


def pixels(address: str) -> np.ndarray:
    _, _, content = address.partition("base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("L"))


def test_modules_are_groups_where_they_hold_several_operators(graph: Graph) -> None:
    root = tree(graph)
    # The lists of stages and pools take turns, so that neither is a group.
    assert names(root)[:6] == ["input", "stem", "stages.0", "pools.0", "stages.1", "pools.1"]
    assert names(root)[6:9] == ["shared", "max_pool", "shared#2"], "a module that runs twice"
    stage = root.items[2]
    assert isinstance(stage, Group)
    assert stage.kind == "Block"
    assert names(stage) == ["narrow", "relu", "stages.0.wide", "relu#2", "add", "relu#3"]
    assert [leaf.node for leaf in root.leaves()] == list(graph.nodes), "in order, none lost"


def test_a_module_of_one_operator_is_that_operator() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3)), nn.ReLU())
    root = tree(graph_of(network, 3, 8, 8))
    assert all(isinstance(item, Leaf) for item in root.items)
    assert names(root) == ["input", "0.0", "1"]


def test_the_page_knows_what_python_knows(graph: Graph, known: dict[str, Any]) -> None:
    by_name = {op["n"]: op for op in known["ops"]}
    fields = receptive_fields(graph, gates=False)
    for node in graph.nodes:
        if node.name not in by_name:
            assert node.bytes == 0, "only what allocates nothing is folded away"
            continue
        op, field = by_name[node.name], fields[node.index]
        assert op["m"] == macs(node, graph)
        assert op["s"] == list(node.shape[1:])
        assert field is not None
        wanted = [[a.jump, None, None] if a.everything else [a.jump, a.low, a.high] for a in field]
        assert op["f"] == wanted
    lines = {what: (filled, value) for what, _, filled, value in by_name["stem"]["x"]}
    assert lines["parameters"] == ("(3·3·3 + 1)·4", "112")
    assert lines["MACs"] == ("3·3·3·4·16·16", "27\u202f648")


def test_what_is_shown_adds_up_to_the_totals(graph: Graph, known: dict[str, Any]) -> None:
    totals = table(graph).totals
    assert sum(op["m"] for op in known["ops"]) == totals.macs
    assert sum(op["b"] for op in known["ops"]) == totals.memory


def test_shared_parameters_count_once_in_a_group(known: dict[str, Any]) -> None:
    stored = sum(value.numel() for value in Network().shared.parameters())
    runs = [each for each in known["tree"]["c"] if isinstance(each, dict) and "shared" in each["n"]]
    assert [each["p"] for each in runs] == [stored, stored]
    assert known["tree"]["p"] == sum(value.numel() for value in Network().parameters())


def test_operators_that_only_rename_are_passed_through(known: dict[str, Any]) -> None:
    kinds = [op["o"] for op in known["ops"]]
    assert "view" not in kinds
    pooled = kinds.index("global average pool")
    linear = kinds.index("linear")
    assert known["ops"][linear]["in"] == [pooled]


def test_gates_are_told_and_do_not_blind_the_sight() -> None:
    from striate.zoo.attention import SqueezeExcitation

    network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), SqueezeExcitation(16))
    ops = payload(graph_of(network, 3, 16, 16), picture=PICTURE)["ops"]
    assert ops[-1]["o"] == "multiply"
    assert ops[-1]["f"] == [[1, -1, 1], [1, -1, 1]]
    assert ops[-1]["e"] is True
    assert ops[1]["e"] is False


def test_activations_are_those_of_the_moment_and_leave_the_network_alone() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(inplace=True)).train()
    nn.init.constant_(network[0].weight, 2.0)
    ramp = torch.linspace(-1, 1, 16).repeat(16, 1)[None, None]
    sheets = watch(network, graph_of(network, 1, 16, 16), ramp).sheets
    assert sorted(sheets) == [1, 2]
    before, after = (pixels(sheets[index]["src"]).astype(int) for index in (1, 2))
    assert np.abs(before - np.linspace(0, 255, 16)).max() < 24, "overwritten by the ReLU later"
    assert after[:, :8].max() < 24
    assert after[:, -1].min() > 230
    assert network.training


def test_every_map_of_a_branching_network_has_a_sheet(graph: Graph) -> None:
    network = Network()
    sheets = watch(network, graph, torch.rand(1, 3, 32, 32)).sheets
    grids = {n.index for n in graph.nodes[1:] if len(n.shape) == 4 and min(n.shape[2:]) > 1}
    assert set(sheets) == grids
    assert all(len(sheet["channels"]) <= CHANNELS for sheet in sheets.values())


def test_the_photograph_is_cut_at_its_centre() -> None:
    photo = np.zeros((40, 100, 3), np.uint8)
    photo[:, 30:70] = 200
    assert (cut(photo, 20, 20)[:, 1:-1] == 200).all()
    assert landscape(24, 32).shape == (24, 32, 3)
    assert cut(photo[:, :, :1], 8, 20).shape == (8, 20, 1)


def test_hostile_names_stay_text(graph: Graph) -> None:
    name = """</script><img src=x onerror=alert(1)>'"玫瑰"""
    page = render(Graph(**{**vars(graph), "network": name}))
    assert "<img" not in page
    assert "玫瑰" in page
    assert "&lt;/script&gt;&lt;img src=x" in page


def test_the_page_asks_for_nothing_and_is_the_same_every_time(graph: Graph) -> None:
    page = render(graph)
    assert page == render(graph)
    assert "default-src 'none'" in page
    assert "sourceMappingURL" not in page
    assert "Copyright (c) 2012-2014 Chris Pettitt" in page, "dagre's licence travels along"
    assert re.findall(r"""(?:src|href)=["']?(?!data:)[a-z/.]+""", page.split("<script")[0]) == []


def test_a_photograph_shows_what_the_network_was_trained_to_see(graph: Graph) -> None:
    class Halved:
        """Keeps the left half alone."""

        def fit_image(self, image: Any) -> Any:
            return np.ascontiguousarray(image[:32, :32])

        def normalise(self, images: Tensor) -> Tensor:
            return images.permute(0, 3, 1, 2).float() / 255

    photo = np.zeros((32, 64, 3), np.uint8)
    photo[:, :32] = 90
    page = render(graph, photo=photo, network=Network(), preprocess=Halved())
    found = re.search(r'"picture":\{"src":"(data:[^"]+)"', page)
    assert found
    assert np.unique(pixels(found[1])).tolist() == [90]
    assert "no activations here" not in page


def test_the_first_view_is_easy_to_take_in() -> None:
    from striate.zoo.create import create

    with torch.device("meta"):
        network = create("resnet18")
    known = payload(graph_of(network, 3, 224, 224), picture=PICTURE)
    assert known["open"] == ["conv2_x", "conv3_x", "conv4_x", "conv5_x"]


def test_a_group_shows_what_its_module_returns() -> None:
    """As its row in a table does: not a recurrent layer's last state, nor attention's weights."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(8, 16, batch_first=True)
            self.attn = nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.rnn(x)[0]
            return self.attn(x, x, x)[0]

    graph = record(Network(), torch.empty(1, 10, 8))
    root = payload(graph, picture=None)["tree"]
    groups = [each for each in root["c"] if isinstance(each, dict)]
    assert {each["n"]: each["s"] for each in groups} == {"rnn": [10, 16], "attn": [10, 16]}
