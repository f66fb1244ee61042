"""Costs of small networks, worked out by hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from striate.anatomy.record import record
from striate.anatomy.rules import macs, operations, products
from striate.anatomy.table import table


def load_cases() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "anatomy_cases.py"
    spec = importlib.util.spec_from_file_location("anatomy_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["anatomy_cases"] = module
    spec.loader.exec_module(module)
    return module


CASES = load_cases().CASES


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_difficult_networks_are_counted_rightly(case) -> None:
    graph = record(case.build(), *(torch.empty(shape) for shape in case.inputs))
    found = table(graph)
    assert found.totals.macs == case.macs
    assert found.totals.parameters == case.parameters
    assert found.totals.stored == case.stored
    assert graph.nodes[graph.outputs[0]].shape == case.output
    assert found.rows[-1].receptive_field == case.receptive_field


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_truth_is_what_pytorch_counts_too(case) -> None:
    network = case.build().eval()
    with FlopCounterMode(display=False) as counter:
        output = network(*(torch.zeros(shape) for shape in case.inputs))
    between = sum(map(products, record(network, *map(torch.empty, case.inputs)).nodes))
    # PyTorch's counter does not know fused attention on every device.
    assert counter.get_total_flops() in (2 * case.macs, 2 * (case.macs + between))
    assert tuple(output.shape) == case.output


def test_attention_is_counted_apart() -> None:
    class Attention(nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return F.softmax(q @ k.transpose(1, 2), -1) @ v

    shapes = ((1, 5, 8), (1, 7, 8), (1, 7, 6))
    graph = record(Attention(), *map(torch.empty, shapes))
    assert sum(macs(node, graph) for node in graph.nodes) == 0
    assert sum(map(products, graph.nodes)) == 5 * 7 * 8 + 5 * 7 * 6
    by_name = {node.name: operations(node, graph) for node in graph.nodes}
    assert by_name["matrix_product"] == 2 * 5 * 7 * 8
    assert by_name["softmax"] == 5 * 5 * 7


def test_other_operators() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    )
    graph = record(network, torch.empty(1, 3, 6, 6))
    assert [operations(node, graph) for node in graph.nodes] == [0, 0, 288, 144, 36 * 4, 0]


def test_kernels_that_a_layer_says_it_lacks_are_not_counted() -> None:
    class Sparse(nn.Conv2d):
        absent_kernels = 5

    graph = record(nn.Sequential(Sparse(3, 4, 3)), torch.empty(1, 3, 6, 6))
    assert macs(graph.nodes[1], graph) == 16 * 9 * (12 - 5)


def test_layers_on_parameters_alone_count_too() -> None:
    class Queries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Parameter(torch.empty(1, 4, 8))
            self.project = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.project(self.tokens) + x

    graph = record(Queries(), torch.empty(1, 4, 8))
    assert sum(macs(node, graph) for node in graph.nodes) == 4 * 8 * 8
