"""What an exported file answers with, as its metadata say: classes by name, or numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from striate.errors import RunError
from striate.runs.conformal import HalfWidth, HalfWidths
from striate.runs.targets import ScaledTarget
from striate.support.tables import from_table

CLASSES = "classes"
"""The key of the metadata under which a classifier's file has the names of its classes, JSON."""
TARGETS = "targets"
"""The key under which a regressor's file has what its numbers are, JSON."""
VALUE = "value"
"""The output of a regressor's file, unless somebody gave it another name."""


@dataclass(frozen=True, kw_only=True)
class ExportedTarget(ScaledTarget):
    """A number that a file answers with.

    Attributes:
        intervals: half widths of its prediction intervals, by level.
    """

    intervals: tuple[HalfWidth, ...] = ()


def targets_to_json(targets: Sequence[ScaledTarget], half_widths: HalfWidths) -> str:
    """`targets` and the half widths of their intervals, as a file's metadata hold them."""
    pairs = zip(targets, half_widths, strict=True)
    return json.dumps(
        [asdict(target) | {"intervals": [asdict(each) for each in own]} for target, own in pairs]
    )


def answers_of(
    metadata: Mapping[str, str],
) -> tuple[tuple[str, ...], tuple[ExportedTarget, ...]]:
    """The classes and the targets that `metadata` name, one of which is empty.

    Raises:
        ValueError: they are damaged.
        RunError: likewise.
    """
    key = TARGETS if TARGETS in metadata else CLASSES
    found = json.loads(metadata[key])
    if not isinstance(found, list) or not found:
        raise ValueError(f"its {key} are none")
    if key == TARGETS:
        return (), tuple(_target(each) for each in found)
    if not all(isinstance(each, str) for each in found):
        raise ValueError("its classes are no names")
    return tuple(found), ()


def _target(values: Any) -> ExportedTarget:
    if not isinstance(values, dict):
        raise RunError("target", "is no table")
    known = {each.name for each in fields(ExportedTarget)}
    # What a later version says beside it changes nothing of what this one knows.
    own = {key: value for key, value in values.items() if key in known}
    return from_table(ExportedTarget, own, "target", kind=RunError)
