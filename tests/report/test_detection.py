"""The page of a detector's evaluation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.detection.evaluation.mistakes import Counts, Mistake
from striate.detection.evaluation.result import BoxEvaluation, ClassFigures
from striate.report.box_pictures import cropped, window
from striate.report.detection import render, write_box_page

FIGURES = {
    **dict.fromkeys(("ap", "ap50", "ap75", "ap_small", "ap_medium"), 0.5),
    **dict.fromkeys(("ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium"), 0.25),
    "ar_large": None,
}
NAME = "<b>细胞"


def of_class(name: str, boxes: int) -> ClassFigures:
    curve = tuple([1.0] * 60 + [0.0] * 41)
    seen = Counts(3, 1, 2)
    return ClassFigures(
        name=name, boxes=boxes, ap=0.5, ap50=0.6, ap75=None, seen=seen, curve50=curve, curve75=curve
    )


@pytest.fixture
def evaluation(tmp_path: Path) -> BoxEvaluation:
    path = tmp_path / "a <i>.png"
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(path)
    box = (10.0, 10.0, 30.0, 30.0)
    return BoxEvaluation(
        source=tmp_path / "boxes.json",
        form="COCO JSON",
        part="val",
        images=3,
        boxes=12,
        figures=FIGURES,
        per_class=(of_class(NAME, 10), of_class("dog", 2)),
        classes=(NAME, "dog"),
        threshold=0.25,
        settings={"network": "yolov4_tiny", "size": [416, 416], "iou": 0.6},
        false=(
            Mistake("class", 0, 0, box, 0.93, (1, (12.0, 12.0, 34.0, 33.0)), 0.7),
            Mistake("nothing", 0, 1, box, 0.5),
        ),
        missed=(Mistake("missed", 0, 1, box, 0.11), Mistake("missed", 0, 1, box, 0.0)),
        pictures={0: path},
        notes=("a note",),
    )


def test_the_page_shows_figures_and_mistakes_and_escapes_names(evaluation: BoxEvaluation) -> None:
    page = render(evaluation)
    assert page == render(evaluation)
    assert "<b>细胞" not in page.replace('"name":"<b>', "")
    assert "&lt;b&gt;细胞" in page
    assert page.count("data:image/jpeg;base64,") == 4
    for words in ("is dog, overlap 70", "nothing labelled there", "below the threshold", "no box"):
        assert words in page
    assert "Note: a note." in page
    assert "50.0\u202f%" in page
    assert page.count('<figure class="plot"') == 3


def test_without_mistakes_the_page_says_so(evaluation: BoxEvaluation, tmp_path: Path) -> None:
    written = write_box_page(replace(evaluation, false=(), missed=()), tmp_path / "page.html")
    page = written.read_text("utf-8")
    assert "There are none." in page
    assert "everything was found" in page


def test_a_mistake_is_drawn_where_it_is(evaluation: BoxEvaluation) -> None:
    import base64
    import io

    address = cropped(evaluation.pictures[0], evaluation.false[0])
    image = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    left, top, right, _ = window(evaluation.false[0].xyxy, (60, 80))
    scale = max(image.size) / (right - left)
    pixels = np.asarray(image).astype(int)
    row, column = round((20 - top) * scale), round((10 - left) * scale)
    red, green, blue = pixels[row, column + 1]
    assert red > green + 60
    assert red > blue + 60
    inside = pixels[round((20 - top) * scale), round((20 - left) * scale)]
    assert inside.max() - inside.min() < 30
