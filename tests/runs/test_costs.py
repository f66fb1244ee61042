"""Parameters and multiply-accumulates, kept in the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

import striate
from striate.errors import NetworkError
from striate.runs import costs, layout
from striate.runs.run import Run
from striate.zoo.catalogue import entry


def test_a_run_keeps_what_its_network_costs(run: Run) -> None:
    costs.keep_costs(run)
    kept = json.loads((run.path / layout.COSTS).read_text())
    assert kept["parameters"] == sum(each.numel() for each in run.network().parameters())
    assert kept["macs"] == striate.table(run.path).totals.macs
    assert costs.costs_of(run.path, run.config) == costs.Costs(**kept)


def test_a_run_without_training_has_them_at_once(tmp_path: Path) -> None:
    run = striate.create_run("lenet", tmp_path / "run")
    kept = json.loads((run.path / layout.COSTS).read_text())
    assert kept == {"parameters": entry("lenet").parameters, "macs": entry("lenet").macs}


def test_a_network_that_cannot_be_recorded_has_none(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_network: nn.Module, _shape: object) -> int:
        raise NetworkError("it", "branches on its input")

    monkeypatch.setattr("striate.anatomy.costs.counting.count_macs", refuse)
    costs.keep_costs(run)
    assert not (run.path / layout.COSTS).exists()
    assert costs.costs_of(run.path, run.config) is None
