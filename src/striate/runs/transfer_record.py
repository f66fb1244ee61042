"""``transfer.json``: how a transferred run came about, for those who read its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from striate.errors import RunError
from striate.recipes.frozen import HeadKind
from striate.runs.layout import TRANSFER
from striate.runs.records import read_json
from striate.support.paths import shown
from striate.support.tables import Bounds, from_table

if TYPE_CHECKING:
    from striate.runs.run import Run

_Count = Annotated[int, Bounds(0, 10**9)]

#: What keys of a trial were called in the first transfers that were written.
_BEFORE = {"strength": "C", "width": "gamma", "deviation": "std"}


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
class TubeRecord:
    """How far the training images lie from the tube of one target."""

    epsilon: float
    edges: tuple[float, ...]
    counts: tuple[_Count, ...]
    within: _Count
    on: _Count
    beyond: _Count
    furthest: tuple[tuple[int, float], ...]
    edge: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One C; without an accuracy or an error where nothing was held out."""

    C: float
    accuracy: float | None = None
    std: float | None = None
    loss: float | None = None
    gamma: float | None = None
    scaling: Literal["pareto", "none", "standard"] | None = None
    rmse: float | None = None
    epsilon: float | None = None
    alpha: float | None = None


@dataclass(frozen=True, kw_only=True)
class HeadRecord:
    """How one head was fitted, and what was tried."""

    kind: HeadKind
    folds: _Count
    trials: tuple[TrialRecord, ...]
    chosen: TrialRecord
    margins: Margins | None = None
    tubes: tuple[TubeRecord, ...] | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class DoubtRecord:
    """A training image whose label is likely wrong."""

    image: _Count
    label: _Count
    other: _Count
    label_probability: float
    other_probability: float
    threshold: float
    nearby: tuple[_Count, ...]


@dataclass(frozen=True, kw_only=True)
class DoubtsRecord:
    """Doubtful labels among the training images."""

    images: _Count
    doubted: _Count
    shown: tuple[DoubtRecord, ...]


@dataclass(frozen=True, kw_only=True)
class FurthestRecord:
    """A training image that cross-validation got most wrong."""

    image: _Count
    target: _Count
    error: float


@dataclass(frozen=True, kw_only=True)
class TransferRecord:
    """What the report reads; there may be more."""

    backbone: str
    note: str
    engine: str
    views: _Count
    freeze: str
    unfreeze_every: _Count = 0
    stages: tuple[str, ...]
    head: HeadRecord
    compared: tuple[HeadRecord, ...]
    compared_images: _Count
    doubts: DoubtsRecord | None = None
    furthest: tuple[FurthestRecord, ...] = ()


def read_transfer_record(run: Run) -> dict[str, Any] | None:
    """What ``transfer.json`` of `run` holds, in today's names; None where there is none.

    Raises:
        RunError: it cannot be read, or is not what a transfer writes.
    """
    path = run.path / TRANSFER
    found = read_json(path)
    if found is None:
        return None
    for trial in _trials(found):
        for before, now in _BEFORE.items():
            if before in trial:
                trial.setdefault(now, trial.pop(before))
    try:
        from_table(TransferRecord, found, "it", kind=RunError, more=True)
    except RunError as error:
        remedy = "restore it from a copy, or delete it: the report will do without"
        raise RunError(shown(path), f"is damaged ({error})", remedy) from error
    return found


def _trials(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All trials in a record that may be damaged."""
    heads = [record.get("head"), *_listed(record.get("compared"))]
    for head in heads:
        if isinstance(head, dict):
            trials = [head.get("chosen"), *_listed(head.get("trials"))]
            yield from (trial for trial in trials if isinstance(trial, dict))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
