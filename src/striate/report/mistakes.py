"""The surest mistakes: each with its heat map and the training images that look most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.embeddings import nearest
from striate.inference.heat_maps import drawn_fitted
from striate.report.embedded import Embedded
from striate.report.inputs import PageInputs, ReportInputs
from striate.report.insight import MISTAKES, rows_of
from striate.report.pictures import Mistake, address, pictures, surest_mistakes
from striate.support.words import count

NEIGHBOURS = 3
"""Training images that are shown with each mistake."""
HEAT_SIDE = 160
"""Side in pixels of a heat map."""
NEIGHBOUR_SIDE = 72
"""Side in pixels of a neighbour."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A training image that looks like another image to the network."""

    source: str
    name: str
    file: str
    label: str
    as_predicted: bool
    """Whether it is labelled as the class that was predicted of the other."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A mistake, with what it may have come from."""

    mistake: Mistake
    heat: str
    """A picture of what speaks for the predicted class; empty where there is none."""
    neighbours: Sequence[Neighbour]


def explained_mistakes(inputs: ReportInputs) -> list[Explained]:
    """The surest mistakes, surest first."""
    found = surest_mistakes(inputs, MISTAKES)
    beside = neighbours_of(inputs, [each.index for each in found])
    predicted = inputs.probabilities.argmax(axis=1)
    drawn = [heat_picture(inputs, each.index, int(predicted[each.index])) for each in found]
    sources = iter(neighbour_pictures(inputs, [at for row in beside for at in row]))
    return [
        Explained(
            mistake=mistake,
            heat=heat,
            neighbours=[
                neighbour(inputs, at, next(sources), predicted=mistake.predicted) for at in row
            ],
        )
        for mistake, heat, row in zip(found, drawn, beside, strict=True)
    ]


def heat_picture(inputs: PageInputs, index: int, number: int, *, signed: bool = False) -> str:
    """The heat map of a held-out image over it, of a class or target; empty where there is none.

    It is `signed` where it is of a target.
    """
    heat = inputs.insight.maps.get((index, number))
    if heat is None:
        return ""
    pixels = inputs.images.read_fitted(index, inputs.preprocessing)
    laid = inputs.insight.laid
    return address(drawn_fitted(pixels, heat, HEAT_SIDE, laid, signed=signed))


def neighbours_of(inputs: PageInputs, indices: Sequence[int]) -> list[list[int]]:
    """Numbers of the training images nearest to each of the held-out images `indices`."""
    found = inputs.insight.embedded
    if found is None or inputs.train is None or not len(indices):
        return [[] for _ in indices]
    rows: list[list[int]] = _nearest(found, indices, NEIGHBOURS).tolist()
    return rows


def _nearest(found: Embedded, indices: Sequence[int], number: int) -> NDArray[np.int64]:
    rows = rows_of(found.held, found.held_values, indices)
    numbers: NDArray[np.int64] = found.train[nearest(rows, found.train_values, number)[0]]
    return numbers


def labels_nearby(inputs: ReportInputs, indices: Sequence[int], number: int) -> NDArray[np.int64]:
    """Labels of the `number` training images nearest to each of `indices`; none where unknown."""
    images = nearby(inputs, indices, number)
    if inputs.train is None:
        return images
    labels: NDArray[np.int64] = np.asarray(inputs.train.labels)[images]
    return labels


def nearby(inputs: PageInputs, indices: Sequence[int], number: int) -> NDArray[np.int64]:
    """The `number` training images nearest to each of `indices`, as numbers; none where unknown."""
    found = inputs.insight.embedded
    if found is None or inputs.train is None or not len(indices):
        return np.empty((len(indices), 0), np.int64)
    return _nearest(found, indices, number)


def neighbour(inputs: ReportInputs, index: int, source: str, *, predicted: str) -> Neighbour:
    """The training image `index`, whose picture is `source`, beside one predicted so."""
    assert inputs.train is not None
    name = str(inputs.train.names[index])
    label = inputs.evaluation.classes[int(inputs.train.labels[index])]
    return Neighbour(
        source=source,
        name=name,
        file=PurePath(name).name,
        label=label,
        as_predicted=label == predicted,
    )


def neighbour_pictures(inputs: PageInputs, indices: Sequence[int]) -> list[str]:
    """Small pictures of training images, each read once."""
    once = list(dict.fromkeys(indices))
    if not once:
        return []
    found = dict(zip(once, pictures(inputs, once, NEIGHBOUR_SIDE, inputs.train), strict=True))
    return [found[index] for index in indices]


def mistakes_sentence(inputs: ReportInputs) -> str:
    """What is to be seen, and what was taken into account."""
    said = (
        "Where the network was wrong and most confident, as the network saw the images. The "
        "prediction and its probability stand above the label and the probability that this was "
        "given. Wrong labels often show themselves here."
    )
    if inputs.insight.maps:
        said += (
            f" Beside each picture what speaks for the predicted class, by {inputs.insight.told}: "
            "the strongest position has the brightest colour."
        )
    found = inputs.insight.embedded
    if found is not None and inputs.train is not None:
        said += f" Below, the {NEIGHBOURS} training images that are nearest to it"
        if len(found.train) < found.of_train:
            said += f" among {count(len(found.train))} of {count(found.of_train)}, drawn at random"
        said += ", by the angle between the embeddings."
    return said
