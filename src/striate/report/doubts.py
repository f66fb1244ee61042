"""Labels that are likely wrong, with the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.wrong_labels import NEARBY, Doubt, ranked
from striate.report.inputs import Pictures, ReportInputs
from striate.report.mistakes import labels_nearby
from striate.report.pictures import THUMBNAIL, pictures
from striate.support.words import count

PARTS = {"val": "validation", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class Doubtful:
    """An image whose label is likely wrong."""

    source: str
    name: str
    file: str
    label: str
    other: str
    label_probability: float
    other_probability: float
    nearby: str
    """What the labels of similar training images say, in words; empty where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """The doubtful labels of one part of the images."""

    title: str
    sentence: str
    shown: Sequence[Doubtful]


def doubts_sections(inputs: ReportInputs) -> list[Doubts]:
    """The doubtful labels of the held-out images and, where a head was fitted, of the others."""
    insight = inputs.insight
    part = f"{PARTS[inputs.part]} images"
    nearby = labels_nearby(inputs, [doubt.image for doubt in insight.doubts], NEARBY)
    found = [
        Doubts(
            title=f"Among the {part}",
            sentence=_sentence(insight.doubted, len(inputs.images.labels), part),
            shown=_shown(inputs, inputs.images, ranked(insight.doubts, nearby)),
        )
    ]
    record = (inputs.transfer or {}).get("doubts")
    if record and record["images"] and inputs.train is not None:
        said = _sentence(record["doubted"], record["images"], "training images")
        found.append(
            Doubts(
                title="Among the training images",
                sentence=f"{said} Each was judged by heads that were fitted without it.",
                shown=_shown(inputs, inputs.train, _recorded(record["shown"])),
            )
        )
    return found


def _recorded(shown: Sequence[Mapping[str, Any]]) -> list[tuple[Doubt, NDArray[np.int64]]]:
    """What a transfer wrote down of doubtful labels."""
    names = [each.name for each in fields(Doubt)]
    return [
        (Doubt(**{name: each[name] for name in names}), np.array(each["nearby"], np.int64))
        for each in shown
    ]


def _sentence(doubted: int, images: int, part: str) -> str:
    if not doubted:
        return f"None of the {count(images)} {part} is likely of another class than its label says."
    return (
        f"{count(doubted)} of {count(images)} {part} are likely of another class than their label "
        "says: the other is given at least the probability that it is given, on average, where it "
        "is the label. Those with the most evidence come first."
    )


def _shown(
    inputs: ReportInputs, images: Pictures, doubts: Sequence[tuple[Doubt, NDArray[np.int64]]]
) -> list[Doubtful]:
    names = inputs.evaluation.classes
    sources = pictures(inputs, [doubt.image for doubt, _ in doubts], THUMBNAIL, images)
    return [
        Doubtful(
            source=source,
            name=str(images.names[doubt.image]),
            file=PurePath(str(images.names[doubt.image])).name,
            label=names[doubt.label],
            other=names[doubt.other],
            label_probability=doubt.label_probability,
            other_probability=doubt.other_probability,
            nearby=_nearby(labels, doubt, names),
        )
        for (doubt, labels), source in zip(doubts, sources, strict=True)
    ]


def _nearby(labels: NDArray[np.int64], doubt: Doubt, names: Sequence[str]) -> str:
    if not len(labels):
        return ""
    own, other = int((labels == doubt.label).sum()), int((labels == doubt.other).sum())
    return (
        f"of the {len(labels)} nearest training images {other} are “{names[doubt.other]}”, "
        f"{own} “{names[doubt.label]}”"
    )
