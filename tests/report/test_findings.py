from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate.report.findings import Finding, findings
from striate.report.inputs import ReportInputs

Make = Callable[..., ReportInputs]


def group(kind: str, *members: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "kind": kind,
        "crosses_splits": len({split for _, split, _ in members}) > 1,
        "crosses_classes": len({name for _, _, name in members}) > 1,
        "members": [{"name": n, "split": s, "class": c} for n, s, c in members],
    }


def check(**changes: Any) -> dict[str, Any]:
    """What a check of a sound set says."""
    sound: dict[str, Any] = {
        "images": 100,
        "uncompared": 100,
        "duplicates": [],
        "misnamed": [],
        "ignored": [],
        "notes": [],
        "grey": 0,
        "sizes": {
            "width": {"min": 100.0, "median": 320.0, "max": 1500.0},
            "height": {"min": 240.0, "median": 240.0, "max": 240.0},
        },
        "statistics": {"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.1]},
    }
    return sound | changes


def said(found: list[Finding], kind: str) -> str:
    return " ".join(f"{each.title} {each.text}" for each in found if each.kind == kind)


def test_a_sound_set_has_nothing_to_look_at(make_inputs: Make) -> None:
    found = findings(make_inputs(check=check()))
    assert said(found, "notice") == ""
    assert "Every image could be read." in said(found, "fine")
    assert "No two files hold the same picture." in said(found, "fine")
    facts = said(found, "fact")
    assert "100 to 1,500 (median 320) wide, 240 high" in facts
    assert "mean 0.500, 0.400, 0.300; standard deviation 0.250, 0.200, 0.100" in facts


def test_images_on_both_sides_of_the_split_come_first(make_inputs: Make) -> None:
    groups = [
        group("exact", ("a.jpg", "train", "cat"), ("b.jpg", "train", "cat")),
        group("near", ("c.jpg", "train", "cat"), ("d.jpg", "val", "cat")),
        group("exact", ("e.jpg", "train", "cat"), ("f.jpg", "train", "dog")),
    ]
    found = findings(make_inputs(check=check(duplicates=groups, uncompared=0)))
    notices = [each for each in found if each.kind == "notice"]
    assert [each.title for each in notices] == [
        "1 picture on both sides of the split,",
        "1 picture under more than one label,",
    ]
    assert notices[0].files == ["c.jpg (train, cat) and d.jpg (val, cat) (nearly the same)"]
    assert "f.jpg (train, dog)" in notices[1].files[0]
    assert "within one class" in said(found, "fact")


def test_files_left_out_misnamed_and_ignored_are_named(make_inputs: Make) -> None:
    odd = check(
        misnamed=[{"name": "x.jpg", "kind": "misnamed", "reason": "is a PNG"}],
        ignored=["notes.txt"],
        notes=["there is no test part"],
    )
    found = findings(make_inputs(check=odd, skipped=[("bad.jpg", "is truncated")]))
    files = [name for each in found for name in each.files]
    assert files == ["bad.jpg: is truncated", "x.jpg: is a PNG", "notes.txt"]
    assert "there is no test part." in said(found, "fact")


def test_imbalance_is_a_notice_where_it_is_great(make_inputs: Make) -> None:
    for counts, kind, words in (
        ((10, 10, 10), "fine", "Each has 10 training images."),
        ((40, 20, 10), "fine", "uneven. The largest, “cat”, has 40 training images, 4.0 times"),
        ((500, 20, 10), "notice", "50 times the smallest, “owl” (10)"),
    ):
        found = findings(make_inputs(counts={"train": np.array(counts)}))
        assert words in said(found, kind)


def test_a_grey_set_is_called_so(make_inputs: Make) -> None:
    assert "All images are grey." in said(findings(make_inputs(check=check(grey=100))), "fact")
    assert "1 image is grey." in said(findings(make_inputs(check=check(grey=1))), "fact")


def test_long_lists_of_files_are_cut(make_inputs: Make) -> None:
    found = findings(make_inputs(skipped=[(f"{i}.jpg", "is empty") for i in range(500)]))
    assert found[0].title.startswith("500 files were")
    assert len(found[0].files) == 100
