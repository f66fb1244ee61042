"""The worst misses and the nearest predictions, as pictures, with what moved the number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from striate.report.charts import Chart
from striate.report.mistakes import NEIGHBOURS, heat_picture, neighbour_pictures, neighbours_of
from striate.report.pictures import LARGE, THUMBNAIL, pictures
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.insight import best, worst
from striate.report.regression.targets import LEVEL, interval_of
from striate.report.regression.words import error, given, plain, reaching, value
from striate.support.words import count, exact_percent

POINT_BUDGET = 1_500_000
"""Characters of the pictures that a pointer on the charts shows."""
POINT_SIDE = 72


@dataclass(frozen=True, kw_only=True)
class Nearby:
    """A training image that looks like another image to the network."""

    source: str
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Miss:
    """An image with its true and its predicted value."""

    source: str
    name: str
    file: str
    true: str
    predicted: str
    error: str
    interval: str
    """Of the prediction; empty where there is none."""
    heat: str = ""
    """A picture of what moved the value; empty where there is none."""
    neighbours: Sequence[Nearby] = ()


@dataclass(frozen=True, kw_only=True)
class Misses:
    """The images of one target that are shown."""

    target: str
    """Its name, where there are several."""
    worst: Sequence[Miss]
    best: Sequence[Miss]


def misses_of(inputs: NumberInputs) -> list[Misses]:
    """The worst misses and the nearest predictions of each target."""
    several = len(inputs.targets) > 1
    return [
        Misses(
            target=target.name if several else "",
            worst=_explained(inputs, at),
            best=[
                replace(each, error="", interval="")
                for each in _shown(inputs, at, best(inputs.errors, at), THUMBNAIL)
            ],
        )
        for at, target in enumerate(inputs.targets)
    ]


def _explained(inputs: NumberInputs, target: int) -> list[Miss]:
    images = worst(inputs.errors, target)
    found = _shown(inputs, target, images, LARGE)
    beside = neighbours_of(inputs, images)
    sources = iter(neighbour_pictures(inputs, [at for row in beside for at in row]))
    return [
        replace(
            miss,
            heat=heat_picture(inputs, image, target, signed=True),
            neighbours=[_nearby(inputs, target, at, next(sources)) for at in row],
        )
        for image, miss, row in zip(images, found, beside, strict=True)
    ]


def _shown(inputs: NumberInputs, target: int, images: Sequence[int], side: int) -> list[Miss]:
    of = inputs.targets[target]
    band = interval_of(inputs.evaluation.per_target[target])
    width = band.half_width if band else math.inf
    made = []
    for image, source in zip(images, pictures(inputs, images, side), strict=True):
        name = str(inputs.images.names[image])
        predicted = float(inputs.predicted[image, target])
        low, high = predicted - width, predicted + width
        made.append(
            Miss(
                source=source,
                name=name,
                file=PurePath(name).name,
                true=given(float(inputs.true[image, target]), of),
                predicted=value(predicted, of),
                error=error(float(inputs.errors[image, target]), of),
                interval=f"{exact_percent(LEVEL)}: {reaching(low, high, of)}" if band else "",
            )
        )
    return made


def _nearby(inputs: NumberInputs, target: int, index: int, source: str) -> Nearby:
    assert inputs.train is not None
    assert inputs.train_values is not None
    return Nearby(
        source=source,
        name=str(inputs.train.names[index]),
        value=plain(float(inputs.train_values[index, target]), inputs.targets[target]),
    )


def examples(inputs: NumberInputs, most: int = 12) -> list[tuple[str, str]]:
    """(value, picture) of training images from the least to the largest value of the first target.

    As the network sees them in evaluation: what is cut off or turned grey is seen at a glance.
    """
    if inputs.train is None or inputs.train_values is None:
        return []
    order = np.argsort(inputs.train_values[:, 0], kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(int))
    chosen = order[places].tolist()
    return [
        (given(float(inputs.train_values[at, 0]), inputs.targets[0]), source)
        for at, source in zip(
            chosen, pictures(inputs, chosen, THUMBNAIL, inputs.train), strict=True
        )
    ]


def point_pictures(inputs: NumberInputs, charts: Sequence[Chart]) -> dict[int, str]:
    """Small pictures of the images that have a point, the worst first, as far as there is room."""
    shown = np.unique([image for chart in charts for image in chart.hover["images"]])
    scaled = np.abs(inputs.errors) / [each.deviation for each in inputs.targets]
    order = shown[np.argsort(-scaled[shown].max(axis=1), kind="stable")].tolist()
    found: dict[int, str] = {}
    room = POINT_BUDGET
    sources = pictures(inputs, order, POINT_SIDE)
    for image in order:
        source = next(sources)
        room -= len(source)
        if room < 0:
            break
        found[image] = source
    sources.close()
    return found


def misses_sentence(inputs: NumberInputs) -> str:
    """What is to be seen, and what was taken into account."""
    said = (
        "Where the prediction is farthest off, as the network saw the images: what was predicted, "
        "and below it what is true. Wrong values often show themselves here."
    )
    if inputs.insight.maps:
        said += (
            f" Beside each picture what moved the value, by {inputs.insight.told}: warm colours "
            "raise it, blue ones lower it, and the strongest position has the brightest colour."
        )
    found = inputs.insight.embedded
    if found is not None and inputs.train is not None:
        said += f" Below, the {NEIGHBOURS} training images that are nearest to it"
        if len(found.train) < found.of_train:
            said += f" among {count(len(found.train))} of {count(found.of_train)}, drawn at random"
        said += ", by the angle between the embeddings, with their values."
    return said
