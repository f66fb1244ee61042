"""``last.pt``: all that a killed run needs to go on as if it had never stopped.

The file is `MAGIC`, the SHA-256 of the rest (32 bytes), and what ``torch.save`` gives: zip's own
checks are not made on reading, so that a changed bit would be trained on silently.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_origin, get_type_hints

import torch
from torch import Tensor

from striate.errors import RunError
from striate.runs.records import Epoch, EpochTiming
from striate.support.files import write_atomically
from striate.support.paths import refuse_special, shown
from striate.support.tables import from_table

FORMAT = 2
MAGIC = b"striate\n"


@dataclass(kw_only=True)
class Best:
    """The epoch whose weights are kept, and how well they did."""

    epoch: int
    loss: float
    top1: float | None = None
    """Of classes; None of numbers."""
    mae: float | None = None
    """Mean absolute error of numbers; None of classes."""
    digest: str = ""
    """Of the weights, as `striate.runs.weights.digest` computes it."""

    @classmethod
    def of(cls, epoch: int, found: Mapping[str, float], digest: str) -> Best:
        """An epoch whose validation images came to what was `found`."""
        figures = {key: found.get(key) for key in ("top1", "mae")}
        return cls(epoch=epoch, loss=found["loss"], digest=digest, **figures)


@dataclass(kw_only=True)
class State:
    """Where a run stands: plain values and tensors only, so that no code is stored.

    No random state is here: order, augmentation and dropout are functions of (seed, epoch, step).
    """

    identity: str
    """`RunConfig.identity` of the run that it belongs to."""
    epoch: int = 0
    """Epochs done."""
    step: int = 0
    """Batches done of the epoch under way."""
    steps: int = 0
    """Batches of the epoch under way and of those after it; 0 for as many as the recipe says."""
    sums: Tensor | None = None
    """What the batches of this epoch add up to: loss, main, top-1 (of numbers their mean
    absolute error), then the auxiliary losses."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """The lines of ``metrics.jsonl``."""
    timing: list[dict[str, Any]] = field(default_factory=list)
    """The lines of ``timing.jsonl``."""
    seconds: float = 0.0
    """Spent so far on the epoch under way."""
    best: Best | None = None
    stopped: bool = False
    """Whether early stopping or a callback ended the run before its last epoch."""
    network: dict[str, Any] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    averaging: dict[str, Any] = field(default_factory=dict)


def save(path: Path, state: State) -> None:
    """Write `state` to `path`, whole or not at all."""
    plain = {each.name: getattr(state, each.name) for each in fields(state)}
    plain["best"] = None if state.best is None else vars(state.best)
    plain["format"] = FORMAT
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    payload = buffer.getbuffer()

    def write(beside: Path) -> None:
        with beside.open("wb") as handle:
            handle.writelines((MAGIC, hashlib.sha256(payload).digest(), payload))

    write_atomically(path, write)


def load(path: Path, *, identity: str) -> State:
    """Read what `save` wrote, without running any code from it.

    Raises:
        RunError: the file is missing, damaged, or belongs to a run with other settings.
    """
    where = shown(path)
    try:
        refuse_special(path, kind=RunError)
        with path.open("rb") as handle:
            _check(handle)
            plain = torch.load(handle, map_location="cpu", weights_only=True)
        form = plain.pop("format")
        if type(form) is int and form > FORMAT:
            raise _NewerError
        plain["best"] = None if plain["best"] is None else Best(**plain["best"])
        state = State(**plain)
        _refuse_other_kinds(state)
    except FileNotFoundError as error:
        why = "is missing: there is nothing to go on from"
        raise RunError(where, why, "train again") from error
    except _NewerError:
        raise RunError(
            where,
            f"was made by a newer Striate (format {form}; this one reads up to {FORMAT})",
            "update Striate",
        ) from None
    except Exception as error:
        # Of what is no checkpoint, torch makes errors of a dozen kinds.
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise RunError(
            where, f"is damaged ({reason})", "restore it from a copy, or train again"
        ) from error
    if state.identity != identity:
        raise RunError(
            where, "does not belong to the run.toml beside it", "restore both from one copy"
        )
    return state


class _NewerError(Exception):
    """A checkpoint of a format that this version does not know."""


def _refuse_other_kinds(state: State) -> None:
    """Raise TypeError or RunError for values that no training puts there."""
    for name, kind in get_type_hints(State).items():
        value = getattr(state, name)
        plain = kind if isinstance(kind, UnionType) else get_origin(kind) or kind
        if isinstance(value, bool) != (plain is bool) or not isinstance(value, plain):
            raise TypeError(f"{name} is a {type(value).__name__}")
    if min(state.epoch, state.step, state.steps) < 0:
        raise TypeError("epoch and steps count from 0")
    for kind, lines in ((Epoch, state.history), (EpochTiming, state.timing)):
        for line in lines:
            from_table(kind, line, "a line", kind=RunError)
    if state.best is not None:
        from_table(Best, vars(state.best), "best", kind=RunError)


def _check(handle: io.BufferedReader) -> None:
    """Leave `handle` where the payload begins, after comparing it with its digest."""
    if handle.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as a checkpoint does")
    wanted, begins = handle.read(32), handle.tell()
    if hashlib.file_digest(handle, "sha256").digest() != wanted:
        raise ValueError("its digest does not match")
    handle.seek(begins)
