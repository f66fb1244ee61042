"""What goes into a network: of which type, and examples of any kind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import striate
from striate.anatomy.graph.examples import record_examples, record_shapes
from striate.errors import NetworkError

sys.path.insert(0, str(Path(__file__).parent))
from dependence import Lambda


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_inputs_are_of_the_type_of_the_parameters(kind: torch.dtype) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(kind)
    network.input_size = (3, 8, 8)
    found = striate.table(network)
    assert found.rows[0].memory == 4 * 36 * kind.itemsize
    assert record_shapes(network, [(3, 8, 8)]).dtypes == (kind,)


TABLE = torch.ones(9, 4)
LOOK_UP = {
    "embedding": nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 2)),
    "bag": nn.EmbeddingBag(9, 4),
    "function": Lambda(lambda self, x: F.embedding(x, self.w), w=nn.Parameter(TABLE)),
    "index": Lambda(lambda self, x: self.w[x], w=nn.Parameter(TABLE)),
    "one hot": Lambda(lambda self, x: F.one_hot(x, 9).float() @ self.w, w=nn.Parameter(TABLE)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOK_UP)
def test_what_looks_something_up_gets_whole_numbers(name: str) -> None:
    network = LOOK_UP[name]
    network.input_size = (5,)
    assert striate.table(network).totals.parameters > 0
    assert record_shapes(network, [(5,)]).dtypes == (torch.int64,)


def test_one_of_several_inputs_may_be_looked_up() -> None:
    network = Lambda(
        lambda self, x, words: self.conv(x).mean((2, 3)) + self.words(words).mean(1),
        conv=nn.Conv2d(3, 4, 3),
        words=nn.Embedding(9, 4),
    )
    network.input_size = ((3, 8, 8), (5,))
    assert record_shapes(network, network.input_size).dtypes == (torch.float32, torch.int64)
    with pytest.raises(NetworkError, match="fails on input of shape"):  # no type would do
        record_shapes(network, [(2, 8, 8), (5,)])


def test_examples_of_every_kind() -> None:
    one = nn.Linear(5, 2)
    assert striate.table(one, inputs=torch.ones(1, 5)).rows[-1].output == (2,)
    two = Lambda(lambda self, x, y: self.fc(x) + y, fc=nn.Linear(5, 2))
    assert striate.table(two, inputs=(torch.ones(1, 5), torch.ones(1, 2))).input == (5,)
    named = Lambda(lambda self, image, scale=1: self.fc(image) * scale, fc=nn.Linear(5, 2))
    found = striate.table(named, inputs={"image": torch.ones(1, 5), "scale": 3})
    assert [row.operator for row in found.rows] == ["linear", "multiply"]
    nested = Lambda(lambda self, batch: self.fc(batch["image"][0]), fc=nn.Linear(5, 2))
    graph = record_examples(nested, ({"image": [torch.ones(1, 5)]},))
    assert graph.inputs == ((5,),)


def test_examples_are_for_every_command(tmp_path: Path) -> None:
    network = Lambda(lambda self, x, y: self.conv(x) + y, conv=nn.Conv2d(3, 4, 3))
    inputs = (torch.ones(1, 3, 8, 8), torch.ones(1, 4, 6, 6))
    assert striate.explain(network, "conv", inputs=inputs).output == (4, 6, 6)
    assert [each.layer for each in striate.explain(network, inputs=inputs)] == ["conv", "add"]
    compared = striate.compare([network], inputs=inputs, timed=True).members[0]
    assert compared.milliseconds is not None
    assert striate.view(network, tmp_path / "x.html", inputs=inputs).stat().st_size > 10_000
    with pytest.raises(NetworkError, match="give one of them"):
        striate.table(network, inputs=inputs, size=8)


def test_examples_need_a_tensor() -> None:
    for nothing in ((), {}, (3, "x"), {"size": 5}):
        with pytest.raises(NetworkError, match="hold no tensor; give a tensor, a tuple"):
            record_examples(nn.Linear(5, 2), nothing)


def test_a_batch_is_counted_as_it_is_given() -> None:
    assert striate.table(nn.Linear(5, 2), inputs=torch.ones(8, 5)).totals.macs == 80
