"""Values that are likely wrong, with the evidence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from striate.evaluation.regression.doubtful import FACTOR, NEARBY, DoubtfulValue, ranked
from striate.evaluation.regression.metrics import Floats
from striate.report.mistakes import nearby
from striate.report.pictures import THUMBNAIL, pictures
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.words import given, value
from striate.report.sections import PARTS
from striate.support.words import THIN, count, figure


@dataclass(frozen=True, kw_only=True)
class Doubtful:
    """An image whose value is likely wrong."""

    source: str
    name: str
    file: str
    target: str
    """Its name, where there are several."""
    true: str
    predicted: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """The doubtful values of the held-out images."""

    sentence: str
    shown: Sequence[Doubtful]


def doubts_of(inputs: NumberInputs) -> Doubts:
    """The held-out images whose values are likely wrong, those with the most evidence first."""
    doubts = inputs.insight.doubts
    rows = nearby(inputs, [each.image for each in doubts], NEARBY)
    values: list[Floats] = [np.empty(0)] * len(doubts)
    if inputs.train_values is not None:
        values = [
            inputs.train_values[row, each.target] for each, row in zip(doubts, rows, strict=True)
        ]
    order = ranked(doubts, values)
    sources = pictures(inputs, [each.image for each, _ in order], THUMBNAIL)
    return Doubts(
        sentence=_sentence(inputs),
        shown=[
            _doubtful(inputs, each, around, source)
            for (each, around), source in zip(order, sources, strict=True)
        ],
    )


def _sentence(inputs: NumberInputs) -> str:
    images, part = count(len(inputs.true)), PARTS[inputs.part]
    limit = (
        f"{FACTOR:g} times as far off as 95{THIN}% of the other {part} images are, which were "
        "divided so that no image is judged by itself"
    )
    doubted = inputs.insight.doubted
    if not doubted:
        return f"Of the {images} {part} images no prediction is more than {limit}."
    first = "the first of them" if doubted > len(inputs.insight.doubts) else "those"
    return (
        f"Of the {images} {part} images {count(doubted)} have a value whose prediction is more "
        f"than {limit}. The value may be wrong, or the image hard; {first} with the most evidence "
        "come first."
    )


def _doubtful(inputs: NumberInputs, doubt: DoubtfulValue, around: Floats, source: str) -> Doubtful:
    target = inputs.targets[doubt.target]
    name = str(inputs.images.names[doubt.image])
    why = f"{figure(doubt.times, 2)} times as far off as 95{THIN}% of the others"
    if len(around):
        middle = given(float(np.median(around)), target)
        why += f"; the {len(around)} nearest training images have {middle} in the middle"
    return Doubtful(
        source=source,
        name=name,
        file=PurePath(name).name,
        target=target.name if len(inputs.targets) > 1 else "",
        true=given(doubt.true, target),
        predicted=value(doubt.predicted, target),
        why=why,
    )
