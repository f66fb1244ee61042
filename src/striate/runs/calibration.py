"""``calibration.json``: the temperature by which a run's probabilities are calibrated."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from striate.errors import RunError
from striate.runs.layout import CALIBRATION
from striate.runs.records import read_json
from striate.support.files import remove, write_atomically
from striate.support.paths import shown
from striate.support.tables import Bounds, from_table

if TYPE_CHECKING:
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a run's probabilities were calibrated.

    Attributes:
        temperature: what the logits are divided by.
        images: how many it was fitted to.
        elsewhere: whether these were other images than the run's own held-out ones.
        weights: digest of the weights that it is of.
    """

    temperature: Annotated[float, Bounds(0, 1e6, above=True)]
    images: Annotated[int, Bounds(1, 10**12)]
    elsewhere: bool
    weights: str


def keep_calibration(run: Run, temperature: float, images: int, *, elsewhere: bool) -> None:
    """Write into `run`, whose folder the caller holds, how its probabilities are calibrated.

    Raises:
        WriteError: the file cannot be written.
    """
    made = Calibration(
        temperature=temperature,
        images=images,
        elsewhere=elsewhere,
        weights=run.stamp.digest,
    )
    write_atomically(run.path / CALIBRATION, json.dumps(asdict(made), indent=1).encode())


def drop_calibration(run: Run) -> bool:
    """Take the calibration of `run`, whose folder the caller holds, back; whether there was one.

    Raises:
        WriteError: the file cannot be removed.
    """
    there = (run.path / CALIBRATION).exists()
    remove(run.path / CALIBRATION)
    return there


def read_calibration(run: Run) -> Calibration | None:
    """How the probabilities of `run` are calibrated.

    None where they are not, or are those of other weights than it has by now.

    Raises:
        RunError: the file cannot be read, or is damaged.
    """
    content = read_json(run.path / CALIBRATION)
    if content is None:
        return None
    try:
        found = from_table(Calibration, content, "it", kind=RunError)
    except RunError as error:
        where, again = shown(run.path / CALIBRATION), f"striate calibrate {shown(run.path)}"
        raise RunError(where, f"is damaged ({error})", f"make it anew: {again}") from error
    return found if found.weights == run.stamp.digest else None


def with_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """`probabilities`, (images, classes), as they are at a temperature.

    Examples:
        >>> with_temperature(np.array([[0.9, 0.1]], np.float32), 2.0).round(3).tolist()
        [[0.75, 0.25]]
    """
    if temperature == 1:
        return probabilities
    scaled = logs_of(probabilities) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    found: NDArray[np.float32] = (scaled / scaled.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def logs_of(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithms; what float32 rounds to zero counts as its smallest normal number."""
    found: NDArray[np.float64] = np.log(
        np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64
    )
    return found
