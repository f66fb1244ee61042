"""``last.pt``: all that a killed run needs to go on as if it had never stopped.

The file is `MAGIC`, the SHA-256 of the rest (32 bytes), and what ``torch.save`` gives: zip's own
checks are not made on reading, so that a changed bit would be trained on silently.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from striate.errors import RunError
from striate.support.files import write_atomically

FORMAT = 1
MAGIC = b"striate\n"


@dataclass(kw_only=True)
class Best:
    """The epoch whose weights are kept, and how well they did."""

    epoch: int
    top1: float
    loss: float
    digest: str = ""
    """Of the weights, as `striate.runs.weights.digest` computes it."""


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
    sums: Tensor | None = None
    """What the batches of this epoch add up to: loss, main, top-1, then the auxiliary losses."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """The lines of ``metrics.jsonl``."""
    timing: list[dict[str, Any]] = field(default_factory=list)
    """The lines of ``timing.jsonl``."""
    seconds: float = 0.0
    """Spent so far on the epoch under way."""
    best: Best | None = None
    stopped: bool = False
    """Whether early stopping ended the run before its last epoch."""
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

    Raises
    ------
    RunError: the file is missing, damaged, or belongs to a run with other settings.
    """
    where = str(path.resolve())
    if not path.is_file():
        raise RunError(where, "is missing: there is nothing to go on from", "train again")
    try:
        with path.open("rb") as handle:
            _check(handle)
            plain = torch.load(handle, map_location="cpu", weights_only=True)
        form = plain.pop("format")
        plain["best"] = None if plain["best"] is None else Best(**plain["best"])
        state = State(**plain)
    except Exception as error:
        # Of what is no checkpoint, torch makes errors of a dozen kinds.
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise RunError(
            where, f"is damaged ({reason})", "restore it from a copy, or train again"
        ) from error
    if form != FORMAT:
        raise RunError(where, f"has format {form}; this version reads {FORMAT}", "train again")
    if state.identity != identity:
        raise RunError(
            where, "does not belong to the run.toml beside it", "restore both from one copy"
        )
    return state


def _check(handle: io.BufferedReader) -> None:
    """Leave `handle` where the payload begins, after comparing it with its digest."""
    if handle.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as a checkpoint does")
    wanted, begins = handle.read(32), handle.tell()
    if hashlib.file_digest(handle, "sha256").digest() != wanted:
        raise ValueError("its digest does not match")
    handle.seek(begins)
