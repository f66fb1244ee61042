"""What people print is what the commands print: tables, and never a wall of fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import striate
from striate.evaluation.metrics import measure
from striate.support.shown import Readable, Shown


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
        ["3 images of 2 classes", "top-1      66.67%", "precision"],
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
    assert result._repr_html_().startswith("<pre")


def test_a_training_and_a_transfer_print_their_summaries() -> None:
    from striate.training.result import TrainResult
    from striate.transfer_learning.cache.report import CacheReport
    from striate.transfer_learning.result import TransferResult

    for kind in (TrainResult, TransferResult, CacheReport):
        assert kind.__str__ is Readable.__str__
        assert kind.summary is not Readable.summary
