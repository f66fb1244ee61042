"""``model.safetensors``: the best weights, with what proves that they are whole and belong here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from striate.errors import RunError
from striate.runs.stamp import Stamp, opened
from striate.support.files import write_atomically


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


def read_weights(path: Path) -> tuple[dict[str, Tensor], Stamp]:
    """The tensors at `path` and their stamp, after checking that nothing in them has changed.

    Raises:
        RunError: the file is missing, cut short, not safetensors, or altered since it was written.
    """
    with opened(path, framework="pt") as (stamp, file):
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if digest(weights) != stamp.digest:
        raise RunError(
            str(path.resolve()),
            "was altered after training (its digest does not match)",
            "restore it from a copy, or train again",
        )
    return weights, stamp
