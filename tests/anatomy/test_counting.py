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
from torchvision.ops import DeformConv2d

from striate.anatomy.costs.counting import count_macs, macs, operations, products
from striate.anatomy.graph.record import record
from striate.anatomy.show.text import totals
from striate.anatomy.table import table
from striate.errors import NetworkError


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


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_grouped_transposed_convolutions_by_hand(groups: int, bias: bool) -> None:
    """8 channels of 5×6 values, each of which meets 3×2 weights for each of 12 / groups outputs."""
    layer = nn.ConvTranspose2d(8, 12, (3, 2), stride=2, padding=1, groups=groups, bias=bias)
    graph = record(nn.Sequential(layer), torch.empty(1, 8, 5, 6))
    assert macs(graph.nodes[1], graph) == 8 * 5 * 6 * 3 * 2 * (12 // groups)
    x = torch.zeros(1, 8, 5, 6)
    with FlopCounterMode(display=False) as counter:
        layer(x)
    assert counter.get_total_flops() == 2 * macs(graph.nodes[1], graph)


def test_deformable_convolutions_cost_what_plain_ones_do() -> None:
    class Deformed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.offset = nn.Conv2d(3, 2 * 9, 3, padding=1)
            self.conv = DeformConv2d(3, 8, 3, padding=1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x, self.offset(x))

    found = table(record(Deformed(), torch.empty(1, 3, 6, 7)))
    row = found.rows[-1]
    assert (row.operator, row.macs) == ("deformable convolution", 9 * 3 * 8 * 6 * 7)
    assert (row.kernel, row.parameters) == ((3, 3), 9 * 3 * 8)
    assert row.receptive_field == (6, 7)  # wherever its offsets point
    assert found.totals.depth == 2
    assert found.totals.uncounted == ()


def test_bilinear_layers_weigh_every_pair() -> None:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Bilinear(8, 4, 16)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x, x[..., :4])

    found = table(record(Pairs(), torch.empty(1, 5, 8)))
    row = next(row for row in found.rows if row.operator == "bilinear")
    assert row.macs == found.totals.macs == 5 * 16 * 8 * 4
    assert found.totals.parameters == 8 * 4 * 16 + 16
    assert found.totals.depth == 1
    assert found.totals.uncounted == ()


def test_embeddings_multiply_nothing() -> None:
    for layer in (nn.Embedding(9, 4), nn.EmbeddingBag(9, 4)):
        found = table(record(layer, torch.zeros(1, 5, dtype=torch.int64)))
        assert (found.totals.macs, found.totals.uncounted) == (0, ())
        assert found.totals.parameters == 36


def test_what_reads_parameters_and_is_not_counted_is_named() -> None:
    class Codebook(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.codes = nn.Parameter(torch.empty(7, 8))
            self.scale, self.norm = nn.Parameter(torch.ones(8)), nn.LayerNorm(8)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat((self.norm(x * self.scale), self.codes[None]), 1)
            return torch.cdist(x, self.codes[None])

    found = table(record(Codebook(), torch.empty(1, 5, 8)))
    assert [name.partition(".")[0] for name in found.totals.uncounted] == ["cdist_forward"]
    assert "1 operator reads parameters and is not counted: cdist" in dict(totals(found))["MACs"]
    assert found.to_json()["totals"]["uncounted"] == list(found.totals.uncounted)


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda x, w: torch.addbmm(x[0], x, w.expand(1, 6, 6)), 4 * 6 * 6),
        (lambda x, w: torch.addr(w, x[0, 0], w[0]), 36),
        (lambda x, w: x @ w[0], 4 * 6),
        (lambda x, w: torch.dot(x[0, 0], w[0]), 6),
        (lambda x, w: torch.einsum("bij,jk->bik", x, w), 4 * 6 * 6),
    ],
)
def test_products_with_weights_of_every_shape(function, wanted: int) -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(6, 6))

        def forward(self, x: Tensor) -> Tensor:
            return function(x, self.weight)

    assert table(record(Product(), torch.empty(1, 4, 6))).totals.macs == wanted


def test_a_whole_network_is_counted_and_left_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    before = {name: value.clone() for name, value in network.train().state_dict().items()}
    assert count_macs(network, (3, 8, 8)) == 36 * 4 * 27 + 144 * 2
    assert network.training
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    with pytest.raises(NetworkError, match="3"):
        count_macs(network, (3, 9, 9))
