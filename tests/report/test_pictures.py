from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from striate.report.confusion import matrix
from striate.report.inputs import ReportInputs
from striate.report.pictures import (
    A_CELL,
    THUMBNAIL,
    behind_cells,
    examples,
    picture,
    surest_mistakes,
)

Make = Callable[..., ReportInputs]


def pixels(source: str) -> np.ndarray:
    head, body = source.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def test_mistakes_come_surest_first_with_their_own_pictures(make_inputs: Make) -> None:
    inputs = make_inputs()
    found = surest_mistakes(inputs, most=5)
    predicted = inputs.probabilities.argmax(1)
    wrong = [i for i in range(60) if predicted[i] != inputs.images.labels[i]]
    wrong.sort(key=lambda i: -inputs.probabilities[i].max())
    assert len(found) == 5
    for mistake, i in zip(found, wrong, strict=False):
        assert mistake.name == inputs.images.names[i]
        assert mistake.file == f"{i}.png"
        assert mistake.true == inputs.evaluation.classes[inputs.images.labels[i]]
        assert mistake.predicted == inputs.evaluation.classes[predicted[i]]
        assert mistake.probability == inputs.probabilities[i].max()
        assert abs(pixels(mistake.source).mean() - i) < 3, "the image of level i"


def test_small_images_stay_as_they_are(make_inputs: Make) -> None:
    inputs = make_inputs(side=28)
    shown = pixels(picture(inputs, 7, 112))
    assert shown.shape == (28, 28, 3)
    assert (shown == 7).all()
    assert pixels(picture(make_inputs(side=300), 7, 112)).shape == (112, 112, 3)


def test_cells_hold_their_own_images_up_to_the_limit(make_inputs: Make) -> None:
    inputs = make_inputs(images=200)
    cells = behind_cells(inputs, matrix(inputs.evaluation).cells)
    predicted = inputs.probabilities.argmax(1)
    for key, cell in cells.items():
        true, given = (int(i) for i in key.split(","))
        members = {
            inputs.images.names[i]
            for i in range(200)
            if inputs.images.labels[i] == true and predicted[i] == given
        }
        assert cell["images"] == len(members) == inputs.evaluation.confusion[true, given]
        assert len(cell["shown"]) == min(A_CELL, len(members))
        assert {each["name"] for each in cell["shown"]} <= members
        sure = [float(each["probability"].removesuffix("\u202f%")) for each in cell["shown"]]
        assert sure == sorted(sure, reverse=true != given)


def test_a_short_budget_gives_every_cell_its_first_picture_first(make_inputs: Make) -> None:
    inputs = make_inputs(images=200)
    cells = matrix(inputs.evaluation).cells
    one = len(picture(inputs, 0, 112))
    short = behind_cells(inputs, cells, budget=one * len(cells) * 2)
    numbers = [len(cell["shown"]) for cell in short.values()]
    assert min(numbers) >= 1
    assert max(numbers) <= 3
    assert (
        sum(len(e["source"]) for c in short.values() for e in c["shown"]) <= one * len(cells) * 2.2
    )


def test_an_example_of_each_class(make_inputs: Make) -> None:
    inputs = make_inputs()
    shown = examples(replace(inputs, train=inputs.images))
    labels = list(inputs.images.labels)
    assert [name for name, _ in shown] == [
        inputs.evaluation.classes[i] for i in sorted(set(labels))
    ]
    for label, (_, source) in zip(sorted(set(labels)), shown, strict=True):
        assert source == picture(inputs, labels.index(label), THUMBNAIL)
    assert len(examples(replace(inputs, train=inputs.images), most=2)) == 2
    assert examples(replace(inputs, train=None)) == []
