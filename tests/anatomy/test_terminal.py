"""What a terminal of 80 columns shows: the formulas too, where they teach most."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console
from torch import nn

from striate.anatomy.explain import explain, explain_all
from striate.anatomy.graph.record import record
from striate.anatomy.show.terminal import (
    bar,
    shorten,
    show_explanation,
    show_layers,
    show_table,
)
from striate.anatomy.table import table
from striate.hub.resolve import resolve


def printed(show, width: int) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, width=width, markup=False, highlight=False, emoji=False))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return [line.rstrip() for line in lines]


def graph_of(name: str):
    found = resolve(name)
    return record(found.network, torch.empty(1, *found.input, device="meta"), name=name)


@pytest.mark.parametrize(("name", "layer"), [("alexnet", "conv5"), ("vgg16", "conv1.2")])
def test_rules_stand_above_their_numbers_where_they_do_not_fit_beside_them(
    name: str, layer: str
) -> None:
    found = explain(graph_of(name), layer)
    narrow = printed(lambda console: show_explanation(found, console), 80)
    wide = printed(lambda console: show_explanation(found, console), 120)
    for line in found.lines:
        row = next(at for at, text in enumerate(wide) if text.startswith(f"{line.what} "))
        assert line.rule in wide[row]
        assert line.filled in wide[row]
        row = next(at for at, text in enumerate(narrow) if text.startswith(f"{line.what} "))
        assert line.rule in narrow[row]
        assert line.filled in narrow[row] + narrow[row + 1]


def test_layers_in_turn_explain_an_operator_once() -> None:
    every = explain_all(graph_of("resnet18"))
    shown = printed(lambda console: show_layers(every, console), 80)
    assert sum("√(σ² + ε)" in line for line in shown) == 1
    assert sum(line.startswith("conv2_x.0.bn1   batch norm") for line in shown) == 1
    assert "  sees the whole image" in shown


def test_a_layer_that_computes_nothing_is_explained_by_its_formula() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5))
    found = explain(record(network, torch.empty(1, 3, 8, 8)), "1")
    shown = printed(lambda console: show_explanation(found, console), 80)
    assert shown[0] == "1   computes nothing at prediction, in Dropout of Sequential"
    assert "y = 0 with probability p, else x / (1 − 0.5)" in shown
    assert not any("receptive field" in line for line in shown)


def test_a_network_without_layers() -> None:
    found = table(record(nn.Sequential(), torch.empty(1, 3, 8, 8), name="nothing"))
    shown = printed(lambda console: show_table(found, console), 80)
    assert any("nothing is computed" in line for line in shown)


def test_small_marks() -> None:
    assert bar(0.5, 4) == "██"
    assert bar(1 / 32, 4) == "▏"
    assert bar(0, 4) == ""
    assert shorten("features.10.block", 8) == "….block"[:0] + "…0.block"
