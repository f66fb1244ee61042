"""What `table`, `explain` and `compare` show of a network."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

import striate
from striate.anatomy.show.terminal import (
    show_comparison,
    show_explanation,
    show_what_if,
)
from striate.anatomy.show.terminal import show_table as show
from striate.anatomy.show.text import to_csv, to_markdown
from striate.anatomy.table import ROWS, Table, readable_table
from striate.errors import NetworkError, StriateError
from striate.runs.open_network import open_network


class Strange(nn.Module):
    """Names that a spreadsheet, a page and a terminal must not believe."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {"=1+1": nn.Conv2d(3, 4, 3), "a|b<i>_`x`": nn.Linear(4, 2), "[red]\x1b": nn.ReLU()}
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second, third = self.layers.values()
        return second(third(first(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def strange() -> Strange:
    with torch.device("meta"):
        return Strange()


def readable(name: str) -> Table:
    return readable_table(open_network(name).record())


def printed(show_it: object, *, width: int) -> str:
    out = io.StringIO()
    screen = Console(
        file=out, width=width, markup=False, highlight=False, emoji=False, color_system=None
    )
    show_it(screen)  # type: ignore[operator]
    lines = out.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    return "\n".join(line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [80, 100, 120, 140])
def test_tables_fit_and_keep_their_numbers(width: int) -> None:
    text = printed(lambda screen: show(readable("resnet50"), screen), width=width)
    assert "conv4_x.5" in text
    assert "Field" in text
    assert "25,557,032" in text
    assert re.search(r"483×483 pixels .* 32\s+apart", text)
    assert ("118,013,952" in text) == (width >= 132)
    assert "…" not in text.replace("max pool 3×3 /2…", "")


def test_a_page_of_rows_is_enough_for_any_depth() -> None:
    assert len(readable("resnet152").rows) <= ROWS
    assert [row.name for row in readable("alexnet").rows][:3] == [
        "conv1", "relu", "norm1",
    ]  # fmt: skip
    assert len(striate.table("resnet152", depth=0).rows) == len(striate.table("resnet152").rows)
    assert len(striate.table("resnet152", depth=1).rows) < 12
    with pytest.raises(StriateError, match="`depth=-1`"):
        striate.table("lenet", depth=-1)


def test_totals_say_what_is_stored_and_never_used() -> None:
    text = printed(lambda screen: show(readable("googlenet"), screen), width=100)
    assert "6,998,552 used, 13,378,280 stored; never touched: aux1, aux2" in text


def test_json_has_the_promised_keys() -> None:
    plain = json.loads(json.dumps(striate.table("lenet").to_json()))
    assert list(plain) == ["network", "input", "layers", "totals"]
    first = plain["layers"][0]
    wanted = {"name", "operator", "output", "parameters", "macs", "receptive_field", "jump"}
    assert wanted <= set(first)
    assert (first["receptive_field"], first["jump"]) == ([5, 5], [1, 1])
    assert {"parameters", "macs", "receptive_field"} <= set(plain["totals"])
    assert plain["totals"]["macs"] == 416_520


def test_strange_names_are_escaped(strange: Strange) -> None:
    table = striate.table(strange, size=8)
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert len(rows) == len(table.rows)
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    assert rows[0]["output"] == "4×6×6"
    assert rows[0]["receptive_field_height"] == "3"
    page = to_markdown(table)
    cells = [line.replace("\\|", "").count("|") for line in page.splitlines() if "|" in line]
    assert set(cells) == {11}
    assert "\\<i>" in page
    assert "\x1b" not in printed(lambda screen: show(table, screen), width=80)
    with_name = [row.name for row in table.rows if "[red]" in row.name]
    found = striate.explain(strange, with_name[0], size=8)
    assert "\x1b" not in printed(lambda screen: show_explanation(found, screen), width=80)


@pytest.mark.parametrize("width", [80, 120])
def test_explanations_and_what_if_fit(width: int) -> None:
    for network, layer in (("googlenet", "inception_3a"), ("resnet50", "conv5_x.2.conv3")):
        found = striate.explain(network, layer)
        text = printed(lambda screen, f=found: show_explanation(f, screen), width=width)
        assert "backward: from 1 at the output" in text
        assert re.search(r"224 to 337 lie\s+outside", text) or layer == "inception_3a"
    layers = striate.what_if("5x5 128->256 @100", "1x1 128->32, 5x5 32->256 d2")
    text = printed(lambda screen: show_what_if(layers, screen), width=width)
    assert "3.92 times fewer (25.5 % of the first)" in text
    assert "receptive fields differ: 9×9 against 5×5" in text


def test_a_comparison() -> None:
    found = striate.compare(["vgg16", "resnet50", "googlenet", "lenet"])
    assert [member.name for member in found.members] == ["vgg16", "resnet50", "googlenet", "lenet"]
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["measure"] == "top1"
    vgg, resnet, _, lenet = plain["networks"]
    assert (vgg["depth"], resnet["depth"]) == (16, 50)
    assert vgg["operators"][0]["name"] == "convolution 3×3"
    assert vgg["operators"][1]["parameters"] > 0.89  # its linear layers
    assert sum(part["macs"] for part in resnet["stages"]) == pytest.approx(1, abs=0.01)
    assert lenet["published"] is None
    for width in (70, 110):
        text = printed(lambda screen: show_comparison(found, screen), width=width)
        assert "28.41 %" in text
        assert "linear" in text
    with pytest.raises(NetworkError, match="needs a network"):
        striate.compare([])


def test_a_wrong_size_is_told_as_the_network_tells_it() -> None:
    with pytest.raises(NetworkError, match="32"):
        striate.table("lenet", size=64)
    with pytest.raises(NetworkError, match="vgg16"):
        striate.table("torchvision:vgg16", size=16)


class Chatty(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(3, 4, 3)
        print("made")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("run")
        return super().forward(x)


def test_what_a_network_prints_steps_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    striate.compare([Chatty()], size=8, timed=True)
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef net():\n    print('made')\n    return nn.ReLU()\n"
    )
    capsys.readouterr()
    striate.compare([f"{tmp_path / 'net.py'}:net", Chatty()], size=8, timed=True)
    shown = capsys.readouterr()
    assert "run" in shown.err
    assert shown.out == "made\n", "of our own making of Chatty alone"
