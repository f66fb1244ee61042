"""Opening whatever a person names, and what the commands show of it."""

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

from striate import inspecting
from striate.anatomy.show.chart import draw, place
from striate.anatomy.show.terminal import (
    bar,
    shorten,
    show_chains,
    show_comparison,
    show_explanation,
)
from striate.anatomy.show.terminal import show_table as show
from striate.anatomy.show.text import to_csv, to_markdown
from striate.errors import NetworkError, RunError
from striate.runs.config import RunConfig
from striate.runs.run import Run


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
    text = printed(lambda screen: show(inspecting.readable_table("resnet50"), screen), width=width)
    assert "conv4_x.5" in text
    assert "Field" in text
    assert "25,557,032" in text
    assert re.search(r"483×483 pixels .* 32\s+apart", text)
    assert ("118,013,952" in text) == (width >= 132)
    assert "…" not in text.replace("max pool 3×3 /2…", "")


def test_a_page_of_rows_is_enough_for_any_depth() -> None:
    assert len(inspecting.readable_table("resnet152").rows) <= inspecting.ROWS
    assert [row.name for row in inspecting.readable_table("alexnet").rows][:3] == [
        "conv1", "relu", "norm1",
    ]  # fmt: skip
    assert len(inspecting.table("resnet152", depth=0).rows) == len(
        inspecting.table("resnet152").rows
    )
    assert len(inspecting.table("resnet152", depth=1).rows) < 12
    with pytest.raises(NetworkError, match="depth -1"):
        inspecting.table("lenet", depth=-1)


def test_totals_say_what_is_stored_and_never_used() -> None:
    text = printed(lambda screen: show(inspecting.readable_table("googlenet"), screen), width=100)
    assert "6,998,552 used, 13,378,280 stored; never touched: aux1, aux2" in text


def test_json_has_the_promised_keys() -> None:
    plain = json.loads(json.dumps(inspecting.table("lenet").to_json()))
    assert list(plain) == ["network", "input", "layers", "totals"]
    first = plain["layers"][0]
    wanted = {"name", "operator", "output", "parameters", "macs", "receptive_field", "jump"}
    assert wanted <= set(first)
    assert (first["receptive_field"], first["jump"]) == ([5, 5], [1, 1])
    assert {"parameters", "macs", "receptive_field"} <= set(plain["totals"])
    assert plain["totals"]["macs"] == 416_520


def test_strange_names_are_escaped(strange: Strange) -> None:
    table = inspecting.table(strange, size=8)
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
    found = inspecting.explain(strange, with_name[0], size=8)
    assert "\x1b" not in printed(lambda screen: show_explanation(found, screen), width=80)


@pytest.mark.parametrize("width", [80, 120])
def test_explanations_and_chains_fit(width: int) -> None:
    for network, layer in (("googlenet", "inception_3a"), ("resnet50", "conv5_x.2.conv3")):
        found = inspecting.explain(network, layer)
        text = printed(lambda screen, f=found: show_explanation(f, screen), width=width)
        assert "backward: from 1 at the output" in text
        assert re.search(r"224 to 337 lie\s+outside", text) or layer == "inception_3a"
    chains = inspecting.what_if(["5x5 128->256 @100", "1x1 128->32, 5x5 32->256 d2"])
    text = printed(lambda screen: show_chains(chains, screen), width=width)
    assert "3.92 times fewer (25.5% of the first)" in text
    assert "they do not see alike: 9×9 against 5×5" in text


def test_a_comparison(strange: Strange, tmp_path: Path) -> None:
    found = inspecting.compare(["vgg16", "resnet50", "googlenet", "lenet"])
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
    picture = tmp_path / "costs.svg"
    inspecting.write_picture(found, picture)
    assert "nothing published on it: lenet" in picture.read_text("utf-8").lower()
    with pytest.raises(NetworkError, match=r"pictures are SVG files; give .*costs.svg"):
        inspecting.check_picture(tmp_path / "costs.png")
    with pytest.raises(NetworkError, match="cannot be written"):
        inspecting.check_picture(tmp_path / "no" / "costs.svg")
    with pytest.raises(NetworkError, match="nobody published"):
        draw(inspecting.compare([strange], size=8))
    with pytest.raises(NetworkError, match="needs a network"):
        inspecting.compare([])


def test_names_on_the_picture_do_not_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (
        "vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn resnet34 resnet50 resnet101"
    )
    names = [*names.split(), "resnet50_v1_5", "googlenet", "googlenet_bn"]
    boxes: list[tuple[float, float, float, float]] = []

    def noting(points):  # type: ignore[no-untyped-def]
        labels = place(points)
        boxes.extend(label.box for label in labels)
        return labels

    monkeypatch.setattr("striate.anatomy.show.chart.place", noting)
    svg = draw(inspecting.compare(names))
    assert len(boxes) == len(names)
    for at, one in enumerate(boxes):
        assert 0 <= one[0] <= one[2] <= 960
        for other in boxes[:at]:
            apart = (
                one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            )
            assert apart
    assert svg.count("<circle") >= 2 * len(names)


def test_the_clock_runs_on_a_real_network() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    (member,) = inspecting.compare([network], size=16, timed=True).members
    assert (member.milliseconds or 0) > 0
    assert network.training
    assert network[1].num_batches_tracked == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from striate.data.preprocessing import Preprocessing
    from striate.runs.config import DataOrigin

    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    origin = DataOrigin(
        origin="x", fingerprint="0" * 64, val_fraction=0.2, train_images=1, val_images=1,
        test_images=0, held_out="split",
    )  # fmt: skip
    RunConfig(
        network="resnet20", classes=("cat", "dog"), in_channels=1, recipe={}, data=origin, seed=0,
        preprocessing=Preprocessing(
            resize=24, height=24, width=20, channels=1, mean=(0.5,), std=(0.5,)
        ),
        precision="float32", device="cpu", threads=1, variant={"shortcut": "B"},
    ).write(folder / "run.toml")  # fmt: skip
    return folder


def test_a_run_is_opened_by_its_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Run.open(run).config.network == "resnet20"
    found = inspecting.open_network(run)
    assert (found.source, found.input, found.name) == ("run", (1, 24, 20), "resnet20 of small")
    assert all(each.is_meta for each in found.network.parameters())
    assert inspecting.table(str(run)).rows[-1].output == (2,)
    monkeypatch.chdir(run.parent)
    assert inspecting.open_network("small", size=32).input == (1, 32, 32)
    with pytest.raises(RunError, match="there is no such run"):
        inspecting.open_network("./smal")
    (run.parent / "lenet").mkdir()
    assert inspecting.open_network("lenet").source == "catalogue"
    with pytest.raises(RunError, match="is not a run"):
        inspecting.open_network("./lenet")


def test_sizes_and_positions_are_read() -> None:
    assert inspecting.read_size("224") == 224
    assert inspecting.read_size("200x320") == (200, 320)
    assert inspecting.read_size(None) is None
    assert inspecting.read_position("3, 4") == (3, 4)
    for read, text in ((inspecting.read_size, "big"), (inspecting.read_position, "1,2,3")):
        with pytest.raises(
            NetworkError, match=f"{text} is not understood|{text}: is not understood"
        ):
            read(text)


def test_a_wrong_size_is_told_as_the_network_tells_it() -> None:
    with pytest.raises(NetworkError, match="32"):
        inspecting.table("lenet", size=64)
    with pytest.raises(NetworkError, match="vgg16"):
        inspecting.table("torchvision:vgg16", size=16)


def test_small_marks() -> None:
    assert bar(0.5, 4) == "██"
    assert bar(1 / 32, 4) == "▏"
    assert bar(0, 4) == ""
    assert shorten("features.10.block", 8) == "….block"[:0] + "…0.block"


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
    inspecting.compare([Chatty()], size=8, timed=True)
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef net():\n    print('made')\n    return nn.ReLU()\n"
    )
    capsys.readouterr()
    inspecting.compare([f"{tmp_path / 'net.py'}:net", Chatty()], size=8, timed=True)
    shown = capsys.readouterr()
    assert "run" in shown.err
    assert shown.out == "made\n", "of our own making of Chatty alone"
