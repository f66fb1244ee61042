"""``conformal.json``: how far from a run's values the true ones lie, as often as each level says.

The half widths of `striate.evaluation.regression.conformal`, taken from the run's held-out images.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from striate.errors import RunError
from striate.runs.layout import CONFORMAL
from striate.runs.records import read_json
from striate.support.files import write_atomically
from striate.support.paths import shown
from striate.support.tables import Bounds, from_table

if TYPE_CHECKING:
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class HalfWidth:
    """A prediction interval: the value, and so much to either side.

    Attributes:
        level: share of images whose true value it is meant to hold.
        half_width: in the target's unit.
    """

    level: Annotated[float, Bounds(0, 1, above=True, below=True)]
    half_width: Annotated[float, Bounds(0, math.inf)]


HalfWidths = tuple[tuple[HalfWidth, ...], ...]
"""Of each target, by level; levels for which there were too few images are not there."""


@dataclass(frozen=True, kw_only=True)
class Conformal:
    """The prediction intervals of a run.

    Attributes:
        targets: of each target.
        images: how many they were taken from.
        weights: digest of the weights that they are of.
    """

    targets: HalfWidths
    images: Annotated[int, Bounds(1, 10**12)]
    weights: str


def keep_conformal(run: Run, targets: Sequence[Sequence[HalfWidth]], images: int) -> None:
    """Write into `run`, whose folder the caller holds, its prediction intervals.

    Raises:
        WriteError: the file cannot be written.
    """
    made = Conformal(targets=tuple(map(tuple, targets)), images=images, weights=run.stamp.digest)
    write_atomically(run.path / CONFORMAL, json.dumps(asdict(made), indent=1).encode())


def read_conformal(run: Run) -> HalfWidths:
    """The prediction intervals of `run`, of each target.

    None of any where it was not measured, or with other weights than it has by now.

    Raises:
        RunError: the file cannot be read, or is damaged.
    """
    nothing: HalfWidths = tuple(() for _ in run.targets)
    content = read_json(run.path / CONFORMAL)
    if content is None:
        return nothing
    where, again = shown(run.path / CONFORMAL), f"striate evaluate {shown(run.path)}"
    try:
        found = from_table(Conformal, content, "it", kind=RunError)
        if len(found.targets) != len(run.targets):
            raise RunError("targets", "are not as many as the run's")
    except RunError as error:
        raise RunError(where, f"is damaged ({error})", f"make it anew: {again}") from error
    return found.targets if found.weights == run.stamp.digest else nothing
