"""``predictions.safetensors`` of a run of numbers: its values for each of its held-out images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.runs.answers_file import Arrays, KeptImages, keep_answers, read_answers
from striate.runs.targets import ScaledTarget

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedValues(KeptImages):
    """What a network of numbers gave for the held-out images of its run.

    Attributes:
        targets: what the values are.
        true: what they should be, float64 (n, targets), in the targets' units.
        predicted: float32 (n, targets), likewise.
    """

    targets: tuple[ScaledTarget, ...]
    true: NDArray[np.float64]
    predicted: NDArray[np.float32]


def keep_values(run: Run, images: ImageSet, predicted: NDArray[np.float32], *, split: str) -> None:
    """Write down what the network of `run` gave for `images`.

    Args:
        run: a run of numbers, trained, whose folder the caller holds.
        images: its held-out ones, with their values.
        predicted: (images, targets).
        split: which part they are, as in `KeptImages`.

    Raises:
        WriteError: the file cannot be written.
    """
    answers: dict[str, NDArray[Any]] = {
        "predicted": np.ascontiguousarray(predicted, np.float32),
        "true": np.array(images.values, np.float64),
    }
    keep_answers(run, images, answers, split=split)


def read_values(run: Run) -> PredictedValues | None:
    """What `keep_values` kept in `run`, which answers with numbers; None where nothing was.

    Raises:
        RunError: it cannot be read, is damaged, or is that of another run.
    """
    return read_answers(run, partial(_made, run.targets))


def _made(
    targets: tuple[ScaledTarget, ...], fields: dict[str, Any], arrays: Arrays
) -> PredictedValues:
    """The values in a file; ValueError where the parts do not belong together."""
    found = PredictedValues(
        targets=targets, true=arrays["true"], predicted=arrays["predicted"], **fields
    )
    shape = (len(found.names), len(targets))
    for name, values, kind in (
        ("true", found.true, np.float64),
        ("predicted", found.predicted, np.float32),
    ):
        if values.shape != shape or values.dtype != kind or not np.isfinite(values).all():
            raise ValueError(name)
    return found
