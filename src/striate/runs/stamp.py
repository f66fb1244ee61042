"""What ``model.safetensors`` says about itself, for whoever needs no tensor and no PyTorch."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from safetensors import SafetensorError, safe_open

from striate.errors import RunError
from striate.support.paths import refuse_special, shown
from striate.support.tables import Bounds, from_table

#: The list of tensors at the head of a file: a hundred times that of our largest network.
_LONGEST_HEADER = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a weights file says about itself."""

    identity: str
    """`RunConfig.identity` of the run that made it."""
    epoch: Annotated[int, Bounds(0, 10**9)]
    digest: str
    """SHA-256 over the names, types, shapes and bytes of all tensors."""


def read_stamp(path: Path) -> Stamp:
    """What the file at `path` says about itself, without reading its tensors.

    Raises:
        RunError: the file is missing, damaged, or not one of ours.
    """
    with opened(path, framework="numpy") as (stamp, _):
        return stamp


@contextmanager
def opened(path: Path, *, framework: Literal["pt", "numpy"]) -> Iterator[tuple[Stamp, Any]]:
    """The stamp of the file at `path`, and the file as safetensors opens it.

    Args:
        path: of a run's weights.
        framework: that tensors are read as.

    Raises:
        RunError: the file is missing, damaged, or not one of ours; also for what of it fails within
            the block.
    """
    where = shown(path)
    try:
        refuse_special(path, kind=RunError)
    except FileNotFoundError as error:
        raise RunError(
            where,
            "is missing",
            "the run has no finished epoch yet or lost its weights: go on with "
            f"`striate train --resume {shlex.quote(str(path.parent.resolve()))}`",
        ) from error
    try:
        _refuse_long_header(path)
        with safe_open(path, framework=framework) as handle:
            note = json.loads((handle.metadata() or {})["striate"])
            yield from_table(Stamp, note, "it", kind=RunError), handle
    except (SafetensorError, RunError, LookupError, ValueError, OSError, RecursionError) as error:
        raise RunError(
            where, f"is damaged ({error})", "restore it from a copy, or train again"
        ) from error


def _refuse_long_header(path: Path) -> None:
    """Raise ValueError for a list of tensors that would take minutes to read."""
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header claims {length:,} bytes")
