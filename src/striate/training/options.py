"""What a person may decide about a training, and where it takes place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from striate.errors import NetworkError
from striate.training.distributed import Group
from striate.training.progress import Watcher


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may decide about a training; None leaves it to the recipe, network or data."""

    data: str | None = None
    net: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    size: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    out: Path | None = None
    precision: str | None = None
    device: str | None = None
    workers: int | None = None
    auxiliary_weights: tuple[float, ...] | None = None
    skip_bad: bool = False
    resume: bool = False
    tensorboard: bool = False
    checkpoint_minutes: float = 5.0
    val_fraction: float = 0.2
    variant: tuple[tuple[str, bool | int | float | str], ...] = ()
    weights: str | None = None
    progress: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training computes and to whom it talks."""

    device: torch.device
    group: Group
    watcher: Watcher | None


def parse_variant(choices: list[str]) -> dict[str, bool | int | float | str]:
    """``["auxiliary=true", "shortcut=A"]`` as a dict of booleans, numbers and words.

    Raises
    ------
    NetworkError: one of them is not ``name=value``.
    """
    found: dict[str, bool | int | float | str] = {}
    for choice in choices:
        name, equals, text = choice.partition("=")
        if not (name and equals and text):
            raise NetworkError(f"--variant {choice}", "is not name=value", "e.g. auxiliary=true")
        found[name] = {"true": True, "false": False}.get(text.lower(), text)
        for kind in (float, int):
            with suppress(ValueError):
                found[name] = kind(text)
    return found
