"""``predictions.safetensors``: what a run's network gave for each of its held-out images.

So that mistakes can be listed, thresholds chosen and probabilities calibrated wherever the run
is, without its images. They are kept as the network gave them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.runs.answers_file import Arrays, KeptImages, keep_answers, read_answers
from striate.runs.calibration import with_temperature
from striate.runs.targets import refuse_numbers

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.runs.run import Run

#: How far the sum of an image's probabilities, in float32, may be from 1.
_SUM = 1e-2


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions(KeptImages):
    """What a network gave for the held-out images of its run.

    Attributes:
        classes: names, in the order of the probabilities.
        labels: the class of each, int64 (n,).
        probabilities: float32 (n, classes).
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each image, (n,); of equals the first."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    def at(self, temperature: float) -> Predictions:
        """The same with the probabilities that they have at a temperature."""
        return replace(self, probabilities=with_temperature(self.probabilities, temperature))


def keep_predictions(
    run: Run, images: ImageSet, probabilities: NDArray[np.float32], *, split: str
) -> None:
    """Write down what the network of `run` gave for `images`.

    Args:
        run: a run, trained, whose folder the caller holds.
        images: its held-out ones.
        probabilities: (images, classes).
        split: which part they are, as in `KeptImages`.

    Raises:
        WriteError: the file cannot be written.
    """
    answers = {
        "probabilities": np.ascontiguousarray(probabilities, np.float32),
        "labels": images.labels.astype(np.int32),
    }
    keep_answers(run, images, answers, split=split)


def read_predictions(run: Run) -> Predictions | None:
    """What `keep_predictions` kept in `run`; None for a run that has nothing of the kind.

    Raises:
        RunError: it cannot be read, is damaged, or is that of another run; `run` answers with
            numbers.
    """
    refuse_numbers(run, "a list of predicted classes")
    return read_answers(run, partial(_made, run.classes))


def _made(classes: tuple[str, ...], fields: dict[str, Any], arrays: Arrays) -> Predictions:
    """The predictions in a file; ValueError where the parts do not belong together."""
    found = Predictions(
        classes=classes,
        labels=arrays["labels"].astype(np.int64),
        probabilities=arrays["probabilities"],
        **fields,
    )
    images, shares = len(found.names), found.probabilities
    if shares.shape != (images, len(classes)) or shares.dtype != np.float32:
        raise ValueError("probabilities")
    if not (np.isfinite(shares).all() and np.abs(shares.sum(axis=1) - 1).max() < _SUM):
        raise ValueError("probabilities")
    if found.labels.shape != (images,):
        raise ValueError("labels")
    if not 0 <= found.labels.min() <= found.labels.max() < len(classes):
        raise ValueError("labels")
    return found
