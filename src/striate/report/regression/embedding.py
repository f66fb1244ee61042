"""Held-out images as points on a plane, coloured by their value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.report.charts import ramp, shades
from striate.report.embedding_map import (
    EmbeddingMap,
    Look,
    Looks,
    embedding_sentence,
    maps_of,
)
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.targets import LEVEL, interval_of
from striate.report.regression.words import given, value
from striate.support.words import exact_percent

MOST_TARGETS = 3
"""Targets with maps of their own."""


@dataclass(frozen=True, kw_only=True)
class ColouredMaps:
    """The maps of one target, with the ends of its colours."""

    target: str
    """Its name, where there are several."""
    low: str
    high: str
    maps: Sequence[EmbeddingMap]


@dataclass(frozen=True, kw_only=True)
class NumberEmbedding:
    """What the page shows of the embeddings."""

    sentence: str
    parts: Sequence[ColouredMaps]
    ramp: str
    """A picture of the colours from low to high."""


def number_embedding(inputs: NumberInputs) -> NumberEmbedding | None:
    """The section; None where there are no embeddings."""
    found = inputs.insight.embedded
    if found is None:
        return None
    several = len(inputs.targets) > 1
    parts = []
    for at, target in enumerate(inputs.targets[:MOST_TARGETS]):
        low, high = (float(end) for end in np.quantile(inputs.true[:, at], (0.02, 0.98)))
        parts.append(
            ColouredMaps(
                target=target.described if several else "",
                low=value(low, target),
                high=value(high, target),
                maps=maps_of(inputs, found, _looks(inputs, at, low, high)),
            )
        )
    return NumberEmbedding(
        sentence=(
            f"{embedding_sentence(found)} Colours are the true values. Images with a red ring or "
            f"frame are missed by more than the {exact_percent(LEVEL)} interval."
        ),
        parts=parts,
        ramp=ramp(),
    )


def _looks(inputs: NumberInputs, at: int, low: float, high: float) -> Looks:
    target, band = inputs.targets[at], interval_of(inputs.evaluation.per_target[at])
    true, predicted = inputs.true[:, at], inputs.predicted[:, at]

    def look(image: int) -> Look:
        own = float(true[image])
        told = given(own, target), value(float(predicted[image]), target)
        missed = band is not None and abs(float(predicted[image]) - own) > band.half_width
        return Look(
            title=f"{inputs.images.names[image]}: {told[0]}, predicted {told[1]}",
            style="v missed" if missed else "v",
            colour=_colour((own - low) / (high - low) if high > low else 0.5),
        )

    return look


def _colour(share: float) -> str:
    """A colour of the ramp, from 0 for low to 1 for high, as SVG writes it."""
    return "#" + shades(np.array([min(max(share, 0.0), 1.0)])).tobytes().hex()
