"""What the page says of a transferred network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from striate.report.build import render
from striate.report.curves import accuracies, lesson, losses, rates
from striate.report.inputs import ReportInputs
from striate.report.transfer import transfer_section
from striate.report.transfer_curves import by_images_sentence, by_stages_sentence, share_range

Make = Callable[..., ReportInputs]


def trial(c: float, accuracy: float, gamma: float | None = None) -> dict[str, Any]:
    return {
        "C": c,
        "accuracy": accuracy,
        "std": 0.01,
        "loss": None,
        "gamma": gamma,
    }


def fitted(kind: str, *, margins: bool = False) -> dict[str, Any]:
    width = 0.5 if kind == "svm-rbf" else None
    counts = [0, 3, 5, 20, 12, 0]
    return {
        "kind": kind,
        "penalty": "l2",
        "folds": 5,
        "trials": [trial(0.001, 0.8, width), trial(0.01, 0.9, width), trial(0.1, 0.85, width)],
        "chosen": trial(0.01, 0.9, width),
        "seconds": 1.0,
        "margins": {
            "edges": [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0],
            "counts": counts,
            "wrong": 3,
            "within": 5,
            "vectors": 11,
            "hardest": [[4, -0.5], [7, 0.25]],
        }
        if margins
        else None,
    }


def record(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "backbone": "timm:some_network",
        "origin": "weights of <b>somebody</b>",
        "note": "",
        "engine": "openvino bfloat16",
        "views": 3,
        "freeze": "all",
        "stages": ["stem", "one", "two"],
        "head": fitted("svm-rbf", margins=True),
        "compared": [fitted("softmax"), fitted("svm"), fitted("svm-rbf")],
        "compared_images": 1000,
    }
    return given | changes


CURVE = {
    "images": [
        {"images": 1, "rows": 3, "accuracy": {"softmax": 0.5}, "std": {"softmax": 0.1}},
        {
            "images": 20,
            "rows": 60,
            "accuracy": {"softmax": 0.8, "svm-rbf": 0.85},
            "std": {"softmax": 0.1, "svm-rbf": 0.0},
        },
        {"images": 70, "rows": 210, "accuracy": {"svm-rbf": 0.855}, "std": {"svm-rbf": 0.0}},
    ],
    "stages": {
        "frozen": [0, 2, 3],
        "curves": [{"images": 10, "rows": 30, "accuracy": [0.5, 0.7, 0.8]}],
        "judged": 60,
        "epochs": 5,
    },
}


def test_the_page_of_a_frozen_backbone(make_inputs: Make) -> None:
    inputs = make_inputs()
    inputs = make_inputs(
        transfer=record(curve=CURVE), train=inputs.images, metrics=[], weights_epoch=0
    )
    page = render(inputs)
    assert '<a href="#transfer">Transfer</a>' in page
    assert "weights of &lt;b&gt;somebody&lt;/b&gt;" in page
    assert "fitted to 3 views of each image" in page
    assert "All 3 stages are frozen" in page
    assert "A frozen backbone, timm:some_network, with a Gaussian SVM" in page
    assert "these images were not used" in page
    assert "fitted to features in bfloat16" in page
    assert "11 training images of 40" in page
    assert "−0.50" in page
    assert page.count('class="margin ') == 4
    assert "More images, fewer frozen stages" in page
    assert "Trained from scratch" not in page
    assert page == render(inputs)


def test_class_names_are_escaped(make_inputs: Make, hostile: tuple[str, ...]) -> None:
    inputs = make_inputs(hostile)
    page = render(make_inputs(hostile, transfer=record(), train=inputs.images))
    assert "<script>fetch" not in page
    assert "<b>&#34;" not in page
    assert "&lt;b&gt;" in page


def test_a_backbone_that_was_trained_further(make_inputs: Make) -> None:
    inputs = make_inputs(transfer=record(freeze="2", head=fitted("softmax"), views=1))
    page = render(inputs)
    assert "The first 2 of 3 stages are frozen" in page
    assert "trained further for 3 epochs" in page
    assert "those of epoch 3" in page
    assert "Support vectors" not in page
    before = render(make_inputs(transfer=record(freeze="none"), weights_epoch=0))
    assert "from before the first epoch" in before
    tested = render(make_inputs(transfer=record(freeze="none"), part="test"))
    assert "chosen on the validation images" in tested


def test_training_that_unfroze_stages_shows_how_far_it_came(make_inputs: Make) -> None:
    given = record(freeze="none", unfreeze_every=2, head=fitted("softmax"))
    cut = transfer_section(make_inputs(transfer=given))
    assert cut is not None
    # Three epochs, of which the third unfroze the highest stage.
    assert "The first 2 of 3 stages are frozen; one every 2 epochs was unfrozen" in cut.sentence
    given["unfreeze_every"] = 3
    none = transfer_section(make_inputs(transfer=given))
    assert none is not None
    assert "none was unfrozen yet" in none.sentence
    given["unfreeze_every"] = 0
    whole = transfer_section(make_inputs(transfer=given))
    assert whole is not None
    assert "All 3 stages were trained further." in whole.sentence


def test_the_start_is_reported_and_drawn(
    make_inputs: Make, make_epoch: Callable[..., dict[str, Any]]
) -> None:
    start = make_epoch(0) | {"validation": {"loss": 0.5, "top1": 0.912, "top5": 1.0}}
    inputs = make_inputs(
        transfer=record(freeze="none", head=fitted("softmax")),
        metrics=[start, *(make_epoch(i) for i in (1, 2))],
        weights_epoch=0,
    )
    chart = accuracies(inputs)
    assert chart.hover["names"] == ["before training", "epoch 1", "epoch 2"]
    held = next(row for row in chart.hover["rows"] if row["name"] == "validation top-1")
    assert held["text"][0].startswith("91.2")
    assert 'class="mark"' in chart.svg
    assert losses(inputs).hover["x"] == chart.hover["x"]
    assert rates(inputs).hover["x"] == chart.hover["x"]
    assert "before the first epoch of 2" in lesson(inputs)
    assert "The fitted head alone classified 91.2" in render(inputs)


def test_nothing_held_out(make_inputs: Make) -> None:
    head = fitted("softmax") | {"folds": 0, "trials": [], "chosen": {"C": 0.01}}
    section = transfer_section(make_inputs(transfer=record(head=head, compared=[])))
    assert section is not None
    assert "one picture a class" in section.heads_sentence
    assert section.c_values is None
    assert section.heads == []


def test_no_transfer_no_section(make_inputs: Make) -> None:
    inputs = make_inputs()
    assert transfer_section(inputs) is None
    assert "transfer" not in render(inputs).split("</style>")[1].split("<script")[0]


def test_what_the_curves_say() -> None:
    said = by_images_sentence(CURVE["images"], "svm-rbf")  # type: ignore[arg-type]
    assert "With 20 images a class" in said
    assert "hardly help" in said
    said = by_stages_sentence(CURVE["stages"])  # type: ignore[arg-type]
    assert "of 10 images a class, with all stages frozen" in said


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.1, 0.95], [0.881, 0.884], [1.0, 1.0], [0.0]])
def test_ranges_hold_their_shares(shares: list[float]) -> None:
    found = share_range(shares)
    assert found["low"] <= min(shares) <= max(shares) <= found["high"]
    assert found["high"] > found["low"]
    assert len(found["ticks"]) <= 8
    assert np.diff(found["ticks"]).min() > 0
