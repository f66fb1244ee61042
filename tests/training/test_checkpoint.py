"""``last.pt`` of a newer version, of another network, and of nothing that a training writes."""

from __future__ import annotations

import hashlib
import io
from dataclasses import fields
from pathlib import Path

import pytest
import torch

import striate
from striate.errors import RunError
from striate.runs import layout as names
from striate.training import checkpoint


def test_newer_and_foreign_checkpoints(tmp_path: Path) -> None:
    out = tmp_path / "run"
    striate.train("digits", net="lenet", out=out, epochs=1)
    identity = striate.open_run(out).config.identity
    sound = checkpoint.load(out / names.STATE, identity=identity)

    def write(**changes: object) -> None:
        plain = {each.name: getattr(sound, each.name) for each in fields(sound)}
        plain |= {"best": vars(sound.best), "format": 1, **changes}
        buffer = io.BytesIO()
        torch.save(plain, buffer)
        content = buffer.getvalue()
        digest = hashlib.sha256(content).digest()
        (out / names.STATE).write_bytes(checkpoint.MAGIC + digest + content)

    write(format=99, unheard_of=1)
    newer = r"made by a newer Striate \(format 99; .* up to 2\); update Striate"
    with pytest.raises(RunError, match=newer):
        striate.train(out, resume=True)
    for name, value in (
        ("epoch", "1"),
        ("epoch", True),
        ("step", -1),
        ("history", [{}]),
        ("history", [{"epoch": 1, "step": 2, "health": 3}]),
        ("timing", {}),
        ("best", {"epoch": 1}),
        ("best", {"epoch": 1, "top1": "no", "loss": 1.0, "digest": ""}),
        ("sums", 3),
        ("seconds", None),
    ):
        write(**{name: value})
        with pytest.raises(RunError, match=r"last\.pt: is damaged"):
            striate.train(out, resume=True)
    for name, value in (
        ("network", {"conv1.weight": torch.zeros(1)}),
        ("optimiser", {}),
        ("schedule", {"factor": 1}),
    ):
        write(**{name: value})
        with pytest.raises(RunError, match=r"last\.pt: does not fit the network and the recipe"):
            striate.train(out, resume=True)
