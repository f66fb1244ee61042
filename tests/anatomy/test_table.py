"""Rows, totals and JSON of tables; memory against what autograd really keeps."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from striate.anatomy.costs.memory import forward_memory, training_memory
from striate.anatomy.graph.record import Graph, record
from striate.anatomy.table import table, unused_modules, weight_depth
from striate.zoo.create import create


def graph_of(name: str, training: bool = False) -> Graph:
    with torch.device("meta"):
        network = create(name)
        return record(network, torch.empty(1, *network.input_size), name=name, training=training)


@pytest.fixture(scope="module")
def googlenet() -> Graph:
    return graph_of("googlenet")


def test_a_row_holds_one_operator() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), stride=2, padding=(1, 2), groups=1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(4 * 16, 10),
    )
    found = table(record(network, torch.empty(1, 3, 8, 8), name="small"))
    assert [row.name for row in found.rows] == ["0", "1", "3"]
    conv, relu, fc = found.rows
    assert (conv.output, conv.kernel, conv.stride, conv.padding) == (
        (4, 4, 4),
        (3, 5),
        (2, 2),
        (1, 2),
    )
    assert (conv.groups, conv.dilation, conv.parameters) == (1, (1, 1), 184)
    assert conv.macs == 16 * 4 * 45
    assert conv.memory == 4 * 64
    assert conv.receptive_field == (3, 5)
    assert conv.jump == (2, 2)
    assert conv.share == pytest.approx(2880 / 3520)
    assert (relu.memory, relu.macs, relu.operations, relu.kernel) == (0, 0, 64, None)
    assert (fc.output, fc.receptive_field, fc.jump) == ((10,), (8, 8), (0, 0))
    assert found.totals.receptive_field == (3, 5)


def test_totals_of_googlenet(googlenet: Graph) -> None:
    totals = table(googlenet).totals
    assert totals.macs == 1_582_671_872
    assert totals.stored == 13_378_280
    assert totals.parameters == 6_998_552
    assert totals.unused == ("aux1", "aux2")
    assert totals.depth == 22
    assert totals.jump == (32, 32)
    assert totals.input == (3, 224, 224)
    assert totals.products == 0
    assert totals.receptive_field == totals.convolutional_receptive_field


def test_groups_add_up_to_the_same_totals(googlenet: Graph) -> None:
    flat = table(googlenet)
    for depth in (1, 2, 3):
        grouped = table(googlenet, depth=depth)
        assert grouped.totals == flat.totals
        for key in ("parameters", "macs", "operations", "memory"):
            assert sum(getattr(row, key) for row in grouped.rows) == sum(
                getattr(row, key) for row in flat.rows
            )
    first = table(googlenet, depth=1)
    row = next(row for row in first.rows if row.name == "inception_3a")
    assert (row.operator, row.kind, row.output) == ("Inception", "Inception", (256, 28, 28))
    stem = first.rows[0]
    assert (stem.name, stem.kernel, stem.output) == ("conv1", (7, 7), (64, 112, 112))


def test_json_is_plain(googlenet: Graph) -> None:
    document = table(googlenet, depth=1).to_json()
    assert json.loads(json.dumps(document)) == document
    assert (document["network"], document["input"]) == ("googlenet", [3, 224, 224])
    layer = document["layers"][0]
    assert layer["name"] == "conv1"
    assert layer["output"] == [64, 112, 112]
    assert layer["receptive_field"] == [7, 7]
    assert layer["jump"] == [2, 2]
    assert document["totals"]["training_memory"]["weights"] == 4 * 13_378_280


def test_jumps_that_are_fractions_become_numbers() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Upsample(scale_factor=2))
    document = table(record(network, torch.empty(1, 3, 4, 4))).to_json()
    assert document["layers"][-1]["jump"] == [0.5, 0.5]
    assert document["layers"][-1]["receptive_field"] == [1, 1]


@pytest.mark.parametrize(
    ("name", "layers"), [("vgg16", 16), ("resnet50", 50), ("inception_v3", 48), ("nin", 12)]
)
def test_depth_counts_weight_layers_on_the_longest_path(name: str, layers: int) -> None:
    assert weight_depth(graph_of(name)) == layers


def test_lone_parameters_without_a_module_are_named() -> None:
    class Partly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(2, 2), nn.Parameter(torch.empty(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    assert unused_modules(record(Partly(), torch.empty(1, 2))) == ("idle",)


def test_training_memory_adds_up() -> None:
    graph = graph_of("lenet")
    found = training_memory(graph)
    assert found.weights == found.gradients == found.optimiser == 4 * 61_706
    assert found.total == 3 * found.weights + found.activations
    assert forward_memory(graph) == sum(row.memory for row in table(graph).rows)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attn(x, x, x)[0]


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase] = nn.LSTM, layers: int = 2) -> None:
        super().__init__()
        self.rnn, self.fc = kind(8, 16, layers, batch_first=True), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(x)[0][:, -1])


def test_a_modules_row_shows_what_the_module_returns() -> None:
    """Not what it happened to compute last: averaged weights, a state, a loss."""
    assert table(record(Attention(), torch.empty(1, 10, 16)), depth=1).rows[0].output == (10, 16)
    row = table(record(Recurrent(), torch.empty(1, 10, 8)), depth=1).rows[0]
    assert (row.name, row.output) == ("rnn", (10, 16))

    class Late(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            made = nn.functional.avg_pool2d(x, 2)
            x.mean()
            return made

    row = table(record(nn.Sequential(Late()), torch.empty(1, 3, 8, 8)), depth=1).rows[0]
    assert (row.output, row.receptive_field, row.jump) == ((3, 4, 4), (2, 2), (2, 2))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("steps", [3, 12])
def test_depth_does_not_count_time_steps(kind: type[nn.RNNBase], steps: int) -> None:
    assert weight_depth(record(Recurrent(kind), torch.empty(1, steps, 8))) == 3
    assert weight_depth(record(Recurrent(kind, 1), torch.empty(1, steps, 8))) == 2


def test_depth_of_layers_that_are_used_twice() -> None:
    class Tied(nn.Module):
        """One head on two maps: on the longer path all of it counts."""

        def __init__(self, in_a_row: bool) -> None:
            super().__init__()
            self.a, self.b, self.head = (nn.Conv2d(3, 3, 1) for _ in range(3))
            self.in_a_row = in_a_row

        def forward(self, x: Tensor) -> Tensor:
            if self.in_a_row:
                return self.head(self.head(self.a(x)))
            return self.head(self.a(x)) + self.head(self.b(self.a(x)))

    image = torch.empty(1, 3, 4, 4)
    assert weight_depth(record(Tied(in_a_row=True), image)) == 2
    assert weight_depth(record(Tied(in_a_row=False), image)) == 3


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["se_resnet50", "cbam_resnet50", "googlenet", "hrnet_w18"])
def test_parts_add_up_to_totals(name: str, training: bool) -> None:
    found = table(graph_of(name, training))
    for key in ("memory", "parameters", "macs", "operations"):
        assert sum(getattr(row, key) for row in found.rows) == getattr(found.totals, key), key


def test_what_is_copied_has_a_row_as_it_has_memory() -> None:
    class Copies(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x.transpose(1, 2).contiguous().double().clone()
            return nn.functional.unfold(x, 2)

    found = table(record(Copies(), torch.empty(1, 3, 4, 4)))
    assert [row.operator for row in found.rows] == ["copy", "cast", "copy", "unfold"]
    assert sum(row.memory for row in found.rows) == found.totals.memory
    assert found.totals.operations == 0


def test_auxiliary_heads_say_where_they_branch_off() -> None:
    assert table(graph_of("googlenet")).totals.branches == ()
    totals = table(graph_of("googlenet", training=True)).totals
    assert totals.training
    assert totals.unused == ()
    assert [(each.name, each.source, each.shape, each.output) for each in totals.branches] == [
        ("aux1", "inception_4a", (512, 14, 14), (1000,)),
        ("aux2", "inception_4d", (528, 14, 14), (1000,)),
    ]


def test_channels_of_one_value_are_normalised_in_training_too() -> None:
    """PyTorch refuses a batch of one there, which no real training has."""
    graph = graph_of("inception_v3", training=True)
    assert [each.name for each in table(graph).totals.branches] == ["aux"]
