"""``striate view`` and what it calls."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import striate
from striate.cli.parsing import command_of
from striate.cli.view import view
from striate.errors import StriateError


def run(*typed: str) -> None:
    app = command_of(view)
    app(typed, standalone_mode=False)


def test_it_writes_a_page_named_after_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("lenet")
    assert capsys.readouterr().out == f"{tmp_path / 'lenet.html'}\n"
    page = (tmp_path / "lenet.html").read_text("utf-8")
    assert "no trained weights were given" in page
    run("torchvision:alexnet", "-o", str(tmp_path / "two.html"), "--against", "lenet")
    assert "torchvision:alexnet against lenet" in (tmp_path / "two.html").read_text("utf-8")


def test_a_photograph_and_a_module_with_weights(tmp_path: Path, photographs: Path) -> None:
    image = next(photographs.rglob("*.jpg"))
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    before = network[0].weight.detach().clone()
    path = striate.view(network, tmp_path / "own.html", image=image, size=(20, 30))
    page = path.read_text("utf-8")
    assert image.name in page
    assert '"across":4' in page, "activations"
    assert torch.equal(network[0].weight, before)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = striate.view("lenet", tmp_path / "view.html", against="lenet5")
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir()] == ["view.html"]
    with pytest.raises(
        StriateError, match=r"absent/view\.html: cannot be written there \(there is no such folder"
    ):
        striate.view("lenet", tmp_path / "absent" / "view.html")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StriateError, match=r"absent\.jpg: cannot be read"):
        striate.view("lenet", tmp_path / "a.html", image=tmp_path / "absent.jpg")
    with pytest.raises(StriateError, match=r"no/a\.html: cannot be written"):
        striate.view("lenet", tmp_path / "no" / "a.html")
    own = tmp_path / "net.py"
    own.write_text("mine")
    with pytest.raises(StriateError, match=r"net\.py: is no name for a page; give net\.html"):
        striate.view("lenet", own)
    assert own.read_text() == "mine"
