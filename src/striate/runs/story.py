"""``transfer.json``: how a transferred run came about, for those who read its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from striate.errors import RunError
from striate.runs.run import TRANSFER, read_json
from striate.support.paths import shown
from striate.support.tables import Bounds, from_table

if TYPE_CHECKING:
    from striate.runs.run import Run

_Count = Annotated[int, Bounds(0, 10**9)]


@dataclass(frozen=True, kw_only=True)
class Margins:
    """How far the training images lie from what divides the classes."""

    edges: tuple[float, ...]
    counts: tuple[_Count, ...]
    hardest: tuple[tuple[int, float], ...]
    vectors: _Count
    within: _Count
    wrong: _Count


@dataclass(frozen=True, kw_only=True)
class TrialStory:
    """One C; without an accuracy where nothing was held out."""

    strength: float
    accuracy: float | None = None
    deviation: float | None = None
    loss: float | None = None
    width: float | None = None
    scaling: Literal["pareto", "none", "standard"] | None = None


@dataclass(frozen=True, kw_only=True)
class HeadStory:
    """How one head was fitted, and what was tried."""

    kind: Literal["softmax", "svm", "svm-rbf"]
    folds: _Count
    trials: tuple[TrialStory, ...]
    chosen: TrialStory
    margins: Margins | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the report reads; there may be more."""

    backbone: str
    note: str
    engine: str
    views: _Count
    freeze: str
    unfreeze_every: _Count = 0
    stages: tuple[str, ...]
    head: HeadStory
    compared: tuple[HeadStory, ...]
    compared_images: _Count


def read_story(run: Run) -> dict[str, Any] | None:
    """What ``transfer.json`` of `run` holds; None where there is none.

    Raises:
        RunError: it cannot be read, or is not what a transfer writes.
    """
    path = run.path / TRANSFER
    found = read_json(path)
    if found is None:
        return None
    try:
        from_table(Story, found, "it", kind=RunError, more=True)
    except RunError as error:
        remedy = "restore it from a copy, or delete it: the report will do without"
        raise RunError(shown(path), f"is damaged ({error})", remedy) from error
    return found
