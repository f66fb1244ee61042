"""``table``, ``explain``, ``what-if`` and ``compare`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from striate.cli import compare, explain, table, what_if
from striate.cli.parsing import command_of
from striate.errors import StriateError

app = click.Group()
for command in (table.table, explain.explain, what_if.what_if, compare.compare):
    app.add_command(command_of(command))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_table() -> None:
    assert json.loads(run("table", "lenet", "--json"))["totals"]["parameters"] == 61_706
    assert run("table", "lenet", "--csv").splitlines()[1].startswith("conv1,convolution,Conv2d")
    assert run("table", "lenet", "--markdown").splitlines()[1].startswith("| :-- |")
    shown = run("table", "resnet18", "--size", "64x96", "--depth", "1")
    assert "3×64×96" in shown
    assert len(shown.splitlines()) < 24
    many = run("table", "resnet18", "--depth", "0")
    assert "conv5_x.1.bn2" in many


def test_explain() -> None:
    shown = run("explain", "lenet", "conv2", "--at", "0,0")
    assert "(5·5·6 + 1)·16" in shown
    assert "position 0,0 sees  rows     0 to 13 of 0 to 31" in shown
    assert json.loads(run("explain", "lenet", "conv2", "--json"))["receptive_field"] == [14, 14]


def test_what_if() -> None:
    asked = ["5x5 128->256 @100", "1x1 128->32, 5x5 32->256"]
    assert "3.92 times fewer" in run("what-if", *asked)
    assert [each["macs"] for each in json.loads(run("what-if", *asked, "--json"))] == [
        8_192_000_000,
        2_088_960_000,
    ]


def test_every_layer_is_explained_in_turn() -> None:
    shown = run("explain", "lenet")
    assert shown.index("conv1   convolution") < shown.index("pool2   average pool")
    assert shown.count("y = 1 / (1 + exp(−x))") == 1  # where a sigmoid comes first
    assert "sees the whole image" in shown
    plain = json.loads(run("explain", "lenet", "--json"))
    assert [each["layer"] for each in plain][:3] == ["conv1", "sigmoid", "pool1"]


def test_training_shows_auxiliary_heads() -> None:
    shown = run("table", "googlenet", "--depth", "1")
    assert "never touched: aux1, aux2 (at" in shown
    shown = run("table", "googlenet", "--depth", "1", "--training")
    assert "AuxiliaryHead" in shown
    assert "aux1 branches off after inception_4a (512×14×14) and gives 1000" in shown
    assert "gives 128×4×4" in run("explain", "googlenet", "aux1.conv", "--training")


def test_compare(tmp_path: Path) -> None:
    picture = tmp_path / "two.svg"
    shown = run("compare", "lenet", "alexnet", "-o", str(picture))
    assert "61.0 M" in shown
    assert picture.read_text("utf-8").startswith("<svg")
    plain = json.loads(run("compare", "lenet", "--time", "--json"))
    assert plain["networks"][0]["milliseconds"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table", ""), "network '': not in the catalogue"),
        (("table", "lenett"), "did you mean 'lenet'"),
        (("table", "lenet", "--json", "--csv"), "exclude one another"),
        (("table", "lenet", "--size", "big"), "`size='big'`: is not understood"),
        (("explain", "lenet", "--at", "0,0"), "--at: is a position of one layer"),
        (("explain", "lenet", "conv9"), "did you mean 'conv"),
        (("explain", "lenet", "conv1", "--at", "99,0"), "has 28 rows"),
        (("what-if", "3x3"), "has no channels"),
        (("compare", "lenet", "-o", "x.png"), "pictures are SVG files"),
    ],
)
def test_faults_are_ours_to_word(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(StriateError, match=message):
        run(*arguments)
