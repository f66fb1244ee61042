"""What people print is what the commands print: tables, and never a wall of fields."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

import striate
from striate.evaluation.metrics import measure
from striate.support.shown import MOST_SHOWN, Listed, Readable, Several, Shown


@dataclass(frozen=True)
class Told(Shown):
    text: str

    def show(self, console: Console) -> None:
        console.print(self.text, markup=False)


def test_a_result_prints_as_it_is_shown_and_is_escaped_in_a_notebook() -> None:
    told = Told("<b>bold</b> 玫瑰")
    assert str(told) == told.summary() == "<b>bold</b> 玫瑰"
    assert "&lt;b&gt;bold" in told._repr_html_()
    assert repr(told).startswith("Told("), "programmers still see the fields"
    assert "\x1b" not in str(Told("plain")), "no colours where nobody asked for them"


RESULTS: dict[str, tuple[Any, list[str]]] = {
    "table": (lambda: striate.table("lenet"), ["conv1", "Parameters", "61,706"]),
    "explain": (lambda: striate.explain("lenet", "conv2"), ["conv2", "parameters", "2,416"]),
    "compare": (lambda: striate.compare(["alexnet", "vgg16"]), ["vgg16", "Top-1 error"]),
    "what_if": (lambda: striate.what_if("5x5 128->256 @100x100")[0], ["5x5 128->256", "MACs"]),
    "check": (lambda: striate.check("digits"), ["10 classes", "ready to train on"]),
    "evaluate": (
        lambda: measure(np.eye(2, dtype=np.float32)[[0, 1, 1]], np.array([0, 1, 0]), ["a", "b"]),
        ["3 images of 2 classes", "top-1      66.67 %", "precision"],
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_prints_what_its_command_prints(name: str) -> None:
    make, words = RESULTS[name]
    result = make()
    assert isinstance(result, Readable)
    printed = str(result)
    for word in words:
        assert word in printed
    assert f"{type(result).__name__}(" not in printed
    assert len(printed.splitlines()) > 3
    assert max(map(len, printed.splitlines())) <= 100
    shown = result._repr_html_()
    assert shown.startswith('<div class="striate"')
    for word in words:
        assert word in html.unescape(shown)
    assert ("<table>" in shown) is (name != "evaluate" or "precision" in shown)


class Rows(Shown):
    def show(self, console: Console) -> None:
        console.print("above", markup=False)
        table = Table("name", title="<Rows>")
        table.add_column("value", justify="right")
        table.add_row(Text("<b>玫瑰"), "1")
        table.add_row("[bold]plain[/]", Text("2"))
        console.print(table)
        console.print("below")


def test_tables_are_tables_of_html_without_colours_and_escaped() -> None:
    shown = Rows()._repr_html_()
    order = ("<pre>above</pre>", "<caption>&lt;Rows&gt;", "<th>name", "<pre>below</pre></div>")
    assert sorted(order, key=shown.index) == list(order)
    assert '<tr><td>&lt;b&gt;玫瑰</td><td class="right">1</td></tr>' in shown
    assert "<td>plain</td>" in shown
    assert "color:inherit" in shown
    assert not re.search(r"[^-]color:#", shown), "a notebook may be dark"


def test_rich_displays_nothing_by_itself_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    table = striate.table("lenet")
    assert "conv1" in str(table)
    assert "<pre>lenet" in table._repr_html_()


@pytest.mark.parametrize("kind", [Several, Listed])
def test_many_results_are_shown_one_below_the_other_as_far_as_a_person_reads(kind: Any) -> None:
    few, many = kind([Told("a"), Told("<b>")]), kind([Told("a")] * (MOST_SHOWN + 1200))
    assert str(few) == "a\n<b>"
    assert few._repr_html_().count("<pre>") == 2
    assert str(many).splitlines()[-1] == "… and 1,200 more"
    assert "… and 1,200 more" in many._repr_html_()
    assert many._repr_html_().count("<pre>") == MOST_SHOWN + 1
    assert (few[1], few) == (Told("<b>"), kind(few))
    assert isinstance(striate.explain("lenet"), Several)
    assert "conv1" in str(striate.explain("lenet"))


def test_a_training_and_a_transfer_print_their_summaries() -> None:
    from striate.training.result import TrainResult
    from striate.transfer_learning.cache.report import CacheReport
    from striate.transfer_learning.result import TransferResult

    for kind in (TrainResult, TransferResult, CacheReport):
        assert kind.__str__ is Readable.__str__
        assert kind.summary is not Readable.summary
