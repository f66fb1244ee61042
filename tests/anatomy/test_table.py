"""Rows, totals and JSON of tables; memory against what autograd really keeps."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from striate.anatomy.memory import forward_memory, kept_for_backward, training_memory
from striate.anatomy.record import Graph, record
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


def really_kept(network: nn.Module, image: Tensor) -> int:
    """Add up the distinct pieces of memory that autograd saves, parameters and vectors aside."""
    weights = {value.untyped_storage()._cdata for value in network.parameters()}
    kept: dict[int, int] = {}
    alive: list[object] = []

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        alive.append(storage)
        if storage._cdata not in weights and value.dim() > 1:
            kept[storage._cdata] = storage.nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        network(image)
    return sum(kept.values())


@pytest.mark.parametrize(
    "name", ["vgg16_bn", "resnet50", "googlenet_bn", "alexnet_owt", "preact_resnet110"]
)
def test_training_memory_is_what_autograd_keeps(name: str) -> None:
    with torch.device("meta"):
        network = create(name).train()
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0  # masks are not counted
        # Batch statistics need more than one value a channel, which a batch of two gives.
        image = torch.empty(2, *network.input_size)
        truth = really_kept(network, image) // 2
        graph = record(network, image[:1])
    assert kept_for_backward(graph) == pytest.approx(truth, rel=0.002)


def test_training_memory_adds_up() -> None:
    graph = graph_of("lenet")
    found = training_memory(graph)
    assert found.weights == found.gradients == found.optimiser == 4 * 61_706
    assert found.total == 3 * found.weights + found.activations
    assert forward_memory(graph) == sum(row.memory for row in table(graph).rows)
