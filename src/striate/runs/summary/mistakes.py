"""The held-out images that a run's network gets wrong, as the run keeps them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import RunError
from striate.support.paths import shown

if TYPE_CHECKING:
    from striate.runs.predictions import Predictions
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class WrongPrediction:
    """A held-out image that is wrong.

    Attributes:
        file: what it is called, relative to where the images were.
        label: its class.
        label_probability: of that.
        predicted: the likeliest class.
        probability: of that.
    """

    file: str
    label: str
    label_probability: float
    predicted: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; the label is under ``class``."""
        return {
            "file": self.file,
            "class": self.label,
            "class_probability": self.label_probability,
            "predicted": self.predicted,
            "probability": self.probability,
        }


def predictions_of(run: Run) -> Predictions:
    """What `run` keeps of its held-out images.

    Raises:
        RunError: it keeps nothing, or it is damaged.
    """
    found = run.predictions()
    if found is None:
        raise RunError(
            shown(run.path),
            "keeps no predictions of its held-out images",
            f"make them: striate evaluate {shlex.quote(shown(run.path))}",
        )
    return found


def wrong(found: Predictions, most: int) -> tuple[WrongPrediction, ...]:
    """The surest `most` mistakes among `found`, surest first."""
    predicted, shares = found.predicted, found.probabilities
    indices = np.flatnonzero(predicted != found.labels)
    sure = shares[indices, predicted[indices]]
    chosen = indices[np.argsort(-sure, kind="stable")][:most]
    return tuple(
        WrongPrediction(
            file=found.names[index],
            label=found.classes[found.labels[index]],
            label_probability=float(shares[index, found.labels[index]]),
            predicted=found.classes[predicted[index]],
            probability=float(shares[index, predicted[index]]),
        )
        for index in chosen.tolist()
    )
