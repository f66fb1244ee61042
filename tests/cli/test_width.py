"""What is printed fits a terminal of 80 columns, whatever things are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

import striate
from striate.cli.main import COMMANDS, app

LONG = "a-folder-with-a-name-that-is-as-long-as-people-make-them-玫瑰/and-another/01"


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def widest(text: str) -> tuple[int, str]:
    return max(((cell_len(line), line) for line in text.splitlines()), default=(0, ""))


def assert_fits(text: str) -> None:
    """No line is longer but by a path, which the terminal may break, and nothing is cut off."""
    assert widest(text)[0] <= 80, widest(text)[1]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str) -> None:
    shown = CliRunner().invoke(app, [*filter(None, [command]), "--help"]).output
    assert len(shown) > 100
    assert_fits(shown)


@pytest.mark.parametrize(
    "typed",
    [
        ["list"],
        ["table", "googlenet"],
        ["table", "hrnet_w48", "--depth", "0"],
        ["explain", "googlenet", "inception_3a"],
        ["explain", "resnet50", "conv4_x.0.conv2"],
        ["compare", "lenet", "inception_resnet_v2_figures", "cspdarknet53_timm", "vgg16", "yolov4"],
        ["what-if", "5x5 128->256 @100x100", "1x1 128->32, 3x3 32->32, 5x5 32->256 @100x100"],
    ],
    ids=lambda typed: " ".join(typed[:2]),
)
def test_networks(typed: list[str]) -> None:
    done = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert done.exit_code == 0
    assert_fits(done.output)


def test_runs(numbers_run: Callable[..., Path], tmp_path: Path) -> None:
    """Of several kinds and data, with names that do not fit."""
    (tmp_path / LONG).parent.mkdir(parents=True)
    numbers_run(tmp_path / LONG)
    numbers_run(tmp_path / "b", seed=1)
    found = striate.list_runs(tmp_path)
    lines = str(found).splitlines()
    table = lines[1:-1] if lines[-1].startswith("side by side") else lines[1:]
    assert_fits("\n".join(table))
    assert str(found).count("–") >= 2
    shown = str(striate.show(tmp_path / "b")).splitlines()
    assert_fits("\n".join(line for line in shown if str(tmp_path) not in line))


def test_figures_of_everything_made_up() -> None:
    """Every table of figures, with names of classes, files and engines that are too long."""
    for found in made_up():
        assert_fits("\n".join(line for line in str(found).splitlines() if "note:" not in line))


def made_up() -> list[Any]:
    import numpy as np

    from striate.data.targets import Target
    from striate.evaluation.metrics import measure
    from striate.evaluation.regression.result import measure_values

    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 40)
    labels = rng.integers(0, 3, 40)
    true = rng.normal(size=(40, 1)) * 1e6
    return [
        measure(probabilities, labels, (LONG, "<b>", "c")),
        measure_values(true, true + 1, (Target(name=LONG[:60], unit="kilometres an hour"),)),
    ]
