"""What a check finds of images that are answered with numbers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from striate.data.checking.check import CheckReport, check, summary
from striate.data.checking.numbers import FAR
from striate.data.sources import open_data
from striate.data.targets import Answers

AGE = Answers.of("age", "years")
SPREAD = np.random.default_rng(0).normal(40, 12, 60).round(1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """60 pictures with ages."""
    for number in range(60):
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"<b>{number:02}.png")
    return tmp_path


def table(root: Path, ages: list[float | str]) -> Path:
    lines = [f"<b>{number:02}.png,{age}\n" for number, age in enumerate(ages)]
    (root / "t.csv").write_text("file,age\n" + "".join(lines))
    return root / "t.csv"


def shown(report: CheckReport) -> str:
    stream = io.StringIO()
    report.show(Console(file=stream, width=100))
    return stream.getvalue()


def test_a_distribution_is_told_in_figures_and_a_histogram(root: Path) -> None:
    report = check(table(root, SPREAD.tolist()), answers=AGE)
    (target,) = report.targets
    assert (target.name, target.unit, report.usable, report.images) == ("age", "years", True, 60)
    assert report.totals == {"train": 48, "val": 12}
    assert sum(map(sum, target.histogram.values())) == 60
    train = open_data(root / "t.csv", answers=AGE).train.values
    assert train is not None
    figures = target.splits["train"]
    assert figures["median"] == pytest.approx(np.median(train))
    assert figures["q25"] == pytest.approx(np.percentile(train, 25))
    assert (figures["mean"], figures["std"]) == pytest.approx((train.mean(), train.std()))
    assert target.distinct == len(set(SPREAD))
    edges = np.array(target.edges)
    assert (edges[0], edges[-1]) == (SPREAD.min(), SPREAD.max())
    text = shown(report)
    for part in ("age (years)", "lower quartile", "━", "60 images with age, ready to train on"):
        assert part in text
    assert "spread over the values" in text
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["targets"][0]["histogram"] == {
        split: list(counts) for split, counts in target.histogram.items()
    }


def test_whole_numbers_have_a_bin_each(root: Path) -> None:
    report = check(table(root, [number % 5 for number in range(60)]), answers=AGE)
    (target,) = report.targets
    assert target.edges == (0, 1, 2, 3, 4, 5)
    assert [sum(each) for each in zip(*target.histogram.values(), strict=True)] == [12] * 5


def test_what_is_far_from_the_others_is_named(root: Path) -> None:
    ages = [*SPREAD.tolist()[:-2], 400, -900.5]
    report = check(table(root, ages), answers=AGE)
    (target,) = report.targets
    assert [(each.name, each.value) for each in target.outliers] == [
        ("<b>59.png", -900.5),
        ("<b>58.png", 400),
    ]
    away = np.abs(np.array(ages) - np.median(ages))
    assert (away > FAR * 1.4826 * np.median(away)).sum() == 2
    assert "2 far from the other values of age" in shown(report)
    assert "<b>59.png: -900.5" in shown(report)


def test_rows_without_a_number_are_named_with_line_and_column(root: Path) -> None:
    ages: list[float | str] = [*SPREAD.tolist()[:-2], "", "old"]
    report = check(table(root, ages), answers=AGE)
    assert not report.usable
    assert [(each.name, each.reason) for each in report.problems] == [
        ("<b>58.png", "line 60, column 'age': is empty"),
        ("<b>59.png", "line 61, column 'age': 'old' is not a number"),
    ]
    assert report.images == 58


def test_equal_and_nearly_equal_pictures_with_other_values_are_named(root: Path) -> None:
    (root / "<b>01.png").write_bytes((root / "<b>00.png").read_bytes())
    (root / "<b>03.png").write_bytes((root / "<b>02.png").read_bytes())
    photograph = np.random.default_rng(7).integers(0, 256, (9, 9, 3), np.uint8)
    large = Image.fromarray(photograph).resize((90, 90), Image.Resampling.BICUBIC)
    large.save(root / "<b>04.png")
    large.resize((80, 80)).save(root / "<b>05.png")
    ages = [*[10.5, 30.0, 20.0, 20.0, 5.0, 6.0], *SPREAD.tolist()[6:]]
    report = check(table(root, ages), answers=AGE)
    between = [group for group in report.duplicates if group.crosses_classes]
    assert [(group.kind, [member.values for member in group.members]) for group in between] == [
        ("exact", [(10.5,), (30.0,)]),
        ("near", [(5.0,), (6.0,)]),
    ]
    assert [group.kind for group in report.duplicates] == ["exact", "exact", "near"]
    text = shown(report)
    assert "1 between values" in text
    assert "<b>00.png (" in text
    assert "10.5) =" in text
    assert "1 of the same value" in text


def test_large_numbers_have_a_histogram_as_well(root: Path) -> None:
    for low in (0.0, 1e17, -1e30):
        (target,) = check(table(root, [low, *[low + 1e18] * 59]), answers=AGE).targets
        assert sum(map(sum, target.histogram.values())) == 60


def test_a_target_that_never_changes_is_refused(root: Path) -> None:
    report = check(table(root, [7] * 60), answers=AGE)
    assert "'age' is 7 for every image to train on" in report.refusal
    assert report.targets[0].distinct == 1


def test_a_runs_summary_holds_its_targets(root: Path) -> None:
    found = summary(open_data(table(root, SPREAD.tolist()), answers=AGE))
    assert found["targets"][0]["splits"]["val"]["count"] == 12
    assert found["images"] == 60
