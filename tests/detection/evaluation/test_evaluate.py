"""A detector held against labelled boxes: which pictures and classes count, and what is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from striate.detection.annotations.find import read_annotations
from striate.detection.annotations.labelled import Annotations
from striate.detection.boxes import Boxes
from striate.detection.detector import Choice, Detector
from striate.detection.evaluation.classes import match_classes
from striate.detection.evaluation.evaluate import Measuring, evaluate_detector
from striate.detection.evaluation.mistakes import Counts
from striate.errors import DataError

SIZE = (60, 80)
MEASURING = Measuring(choice=Choice(0.001, limit=0.6))
Row = tuple[float, float, float, float]


class Colours(Detector[NDArray[np.uint8]]):
    """Finds all that is red or green on grey, each colour as one box; of what it is told, less."""

    names = ("couch", "<b>绿", "cup")

    def __init__(self, score: float = 0.9) -> None:
        self.score = score

    @property
    def settings(self) -> dict[str, Any]:
        return {"network": "colours", "size": list(SIZE)}

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image.copy()

    def compute(self, prepared: Sequence[NDArray[np.uint8]], choice: Choice) -> list[Boxes]:
        return [self._found(each) for each in prepared]

    def _found(self, image: NDArray[np.uint8]) -> Boxes:
        rows, labels = [], []
        for label in (0, 1):
            where = np.argwhere(image[..., label] > 200)
            if len(where):
                (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
                rows.append((left, top, right, bottom))
                labels.append(label)
        scores = np.full(len(rows), self.score, np.float32)
        xyxy = np.array(rows, np.float32).reshape(-1, 4)
        return Boxes(xyxy, scores, np.array(labels, np.int64))


def draw(path: Path, red: Row | None = None, green: Row | None = None) -> None:
    image = Image.new("RGB", SIZE[::-1], (90, 90, 90))
    for row, colour in ((red, (255, 0, 0)), (green, (0, 255, 0))):
        if row is not None:
            left, top, right, bottom = (int(each) for each in row)
            image.paste(colour, (left, top, right, bottom))
    image.save(path)


A, B = (10.0, 10.0, 40.0, 30.0), (50.0, 20.0, 70.0, 50.0)


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    """Three pictures: A in red, B in green, and one with a red box that is not labelled."""
    draw(tmp_path / "a.png", red=A)
    draw(tmp_path / "b.png", green=B)
    draw(tmp_path / "c d.png", red=A, green=B)
    boxes = [(1, "Sofa", A), (2, "<B>绿", B), (3, "<B>绿", B), (3, "unicorn", A)]
    names = ["Sofa", "<B>绿", "unicorn"]
    document = {
        "images": [
            {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
            for number, name in enumerate(("a.png", "b.png", "c d.png"), 1)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": names.index(name),
                "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            }
            for number, (image, name, box) in enumerate(boxes, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(document), "utf-8")
    return read_annotations(tmp_path / "boxes.json")


def test_figures_classes_and_mistakes(annotations: Annotations) -> None:
    found = evaluate_detector(Colours(), annotations, MEASURING)
    # Red: right in a, wrong in c, of one score, and one is labelled. Green: both are right.
    assert (found.images, found.boxes) == (3, 3)
    assert [(each.name, each.boxes) for each in found.per_class] == [("couch", 1), ("<b>绿", 2)]
    assert found.ap == pytest.approx(1)
    assert [each.seen for each in found.per_class] == [Counts(1, 1, 0), Counts(2, 0, 0)]
    (mistake,) = found.false
    assert (mistake.kind, mistake.picture, mistake.xyxy) == ("nothing", 2, A)
    assert found.pictures == {2: annotations.pictures[2].path}
    assert found.missed == ()
    assert found.notes == (
        "the detector has no class 'unicorn', whose 1 labelled box does not count",
    )
    low = evaluate_detector(Colours(0.1), annotations, MEASURING)
    assert low.ap == pytest.approx(1)
    assert [each.score for each in low.missed] == pytest.approx([0.1] * 3)
    assert [each.seen for each in low.per_class] == [Counts(0, 0, 1), Counts(0, 0, 2)]


def test_the_figures_as_json_and_on_a_terminal(
    annotations: Annotations, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluate_detector(Colours(), annotations, MEASURING)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["ap50"] == pytest.approx(1)
    assert told["ap_large"] is None
    assert told["per_class"][1]["class"] == "<b>绿"
    assert told["settings"] == {
        "network": "colours",
        "size": [60, 80],
        "nms": "greedy",
        "iou": 0.6,
        "least_score": 0.001,
    }
    found.show(Console(width=100))
    printed = capsys.readouterr().out
    assert "3 boxes of 2 classes in 3 pictures (COCO JSON)" in printed
    assert "<b>绿" in printed
    assert "100.00 %" in printed


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_picture_stops_or_costs_itself_alone(
    annotations: Annotations, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    Image.new("RGB", (30, 40)).save(tmp_path / "b.png")
    measuring = replace(MEASURING, workers=workers)
    with pytest.raises(DataError, match=r"a\.png: .*`skip_bad`"):
        evaluate_detector(Colours(), annotations, measuring)
    found = evaluate_detector(Colours(), annotations, replace(measuring, skip_bad=True))
    assert [file for file, _ in found.skipped] == ["a.png", "b.png"]
    assert found.skipped[1][1] == "its boxes are of 80 × 60 pixels, and it has 30 × 40"
    assert (found.images, found.boxes) == (1, 1)


def test_a_fault_of_the_annotations_stops_or_is_left_out(
    annotations: Annotations, tmp_path: Path
) -> None:
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").unlink()
    again = read_annotations(annotations.source)
    with pytest.raises(DataError, match=r"image 1: there is no picture .*and 1 more fault.*`skip"):
        evaluate_detector(Colours(), again, MEASURING)
    found = evaluate_detector(Colours(), again, replace(MEASURING, skip_bad=True))
    assert (found.images, len(found.skipped)) == (1, 2)


def test_the_held_out_part_counts_unless_all_is_wanted(annotations: Annotations) -> None:
    train, val, other = annotations.pictures
    parts = (replace(train, part="train"), replace(val, part="val"), replace(other, part="train"))
    split = replace(annotations, pictures=parts)
    found = evaluate_detector(Colours(), split, MEASURING)
    assert (found.part, found.images) == ("val", 1)
    found = evaluate_detector(Colours(), split, replace(MEASURING, every_part=True))
    assert (found.part, found.images) == ("", 3)


def test_classes_are_matched_by_their_names() -> None:
    known = ("motorbike", "dining table", "+", "cat")
    found = match_classes(("Motorcycle", "diningtable", "+", "CAT", "-"), known)
    assert found.to == {0: 0, 1: 1, 2: 2, 3: 3}
    assert found.missing == ("-",)
    assert match_classes((), known, most=3).to == {0: 0, 1: 1, 2: 2, 3: 3}
    with pytest.raises(DataError, match="have class 4, and the detector 4 classes"):
        match_classes((), known, most=4)
    with pytest.raises(DataError, match=r"\(WBC, RBC\): are none of the detector's \(motorbike"):
        match_classes(("WBC", "RBC"), known)


def test_data_without_a_box_of_the_detector_is_refused(annotations: Annotations) -> None:
    empty = tuple(replace(each, boxes=()) for each in annotations.pictures)
    with pytest.raises(DataError, match="holds no labelled box of the detector's classes"):
        evaluate_detector(Colours(), replace(annotations, pictures=empty), MEASURING)
