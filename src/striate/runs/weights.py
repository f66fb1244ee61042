"""``model.safetensors``: the best weights, with what proves that they are whole and belong here."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from striate.errors import RunError
from striate.support.files import write_atomically
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


def digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def write_weights(path: Path, weights: Mapping[str, Tensor], *, identity: str, epoch: int) -> str:
    """Write `weights` to `path`, whole or not at all; returns their digest."""
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    total = digest(plain)
    # One metadata value holds all: safetensors writes several in no fixed order, and two runs that
    # must end equal are compared by the bytes of their files.
    note = json.dumps({"digest": total, "epoch": epoch, "identity": identity}, sort_keys=True)
    write_atomically(path, save(plain, metadata={"striate": note}))
    return total


def read_stamp(path: Path) -> Stamp:
    """What the file at `path` says about itself, without reading its tensors."""
    return _open(path)[0]


def read_weights(path: Path) -> tuple[dict[str, Tensor], Stamp]:
    """The tensors at `path` and their stamp, after checking that nothing in them has changed.

    Raises:
        RunError: the file is missing, cut short, not safetensors, or altered since it was written.
    """
    stamp, weights = _open(path, tensors=True)
    if digest(weights) != stamp.digest:
        raise RunError(
            str(path.resolve()),
            "was altered after training (its digest does not match)",
            "restore it from a copy, or train again",
        )
    return weights, stamp


def _open(path: Path, *, tensors: bool = False) -> tuple[Stamp, dict[str, Tensor]]:
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
        with safe_open(path, framework="pt") as handle:
            note = json.loads((handle.metadata() or {})["striate"])
            stamp = from_table(Stamp, note, "it", kind=RunError)
            weights = {k: handle.get_tensor(k) for k in handle.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, RunError, LookupError, ValueError, OSError, RecursionError) as error:
        raise RunError(
            where, f"is damaged ({error})", "restore it from a copy, or train again"
        ) from error
    return stamp, weights


def _refuse_long_header(path: Path) -> None:
    """Raise ValueError for a list of tensors that would take minutes to read."""
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header claims {length:,} bytes")
