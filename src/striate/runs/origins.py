"""The parts of ``run.toml`` that say what a run was made from, and how."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from striate.support.tables import ADDED, Bounds

#: Classes, features, support vectors: any of them within reason.
MOST_UNITS = 10_000_000
#: Numbers of a head's largest matrix: eight gigabytes of them.
MOST_NUMBERS = 2**31
_IMAGES = Bounds(0, 10**12)


@dataclass(frozen=True, kw_only=True)
class DataOrigin:
    """Which images the run was trained and validated on."""

    origin: str
    """Resolved path or name, as ``striate.data.sources.open_data`` takes it."""
    fingerprint: str
    """SHA-256 over split, class and content of each image, and name if it lacks ``content:``."""
    val_fraction: Annotated[float, Bounds(0, 1)]
    train_images: Annotated[int, _IMAGES]
    val_images: Annotated[int, _IMAGES]
    test_images: Annotated[int, _IMAGES]
    held_out: str
    """Where the validation images come from: ``val``, ``test`` or ``split``."""
    skipped: Annotated[int, _IMAGES] = 0
    label: str = field(default="", metadata=ADDED)
    """The column of a table that names the classes, where a person said which."""


@dataclass(frozen=True, kw_only=True)
class WeightsOrigin:
    """The published weights that a network started from."""

    source: str
    """A library's name, or the resolved path of a file."""
    name: str
    """For people."""
    digest: str
    """SHA-256 of their file."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CodeOrigin:
    """The Python file that makes a network of a person's own, copied into the run."""

    file: str
    """Its name in the folder of the run's code."""
    digest: str
    """SHA-256 over the names and contents of all in that folder."""
    origin: str
    """Resolved path of the file that it was copied from, for people."""

    def __post_init__(self) -> None:
        if not self.file.endswith(".py") or "/" in self.file or "\\" in self.file:
            raise ValueError(f"code: file = {self.file[:60]!r} is no name of a Python file")


@dataclass(frozen=True, kw_only=True)
class TransferOrigin:
    """What a transferred network is made of, and what of it was trained."""

    spec: str
    """With `options`, what `striate.hub.resolve.resolve` makes the backbone from."""
    options: Mapping[str, Any]
    classifier: str
    """The path of the layer that was taken out of it."""
    weights: str
    """SHA-256 over the names, types, shapes and values of the backbone's weights."""
    origin: str
    """Where these came from, for people."""
    freeze: str
    """``all``, ``none``, or how many of the first stages were not trained."""
    unfreeze_every: Annotated[int, Bounds(0, 1_000_000)]
    views: Annotated[int, Bounds(1, 1_000_000)]
    head: Mapping[str, Any]
    """``kind`` and sizes, as `striate.hub.heads.make_head` takes them."""
    decay: Annotated[float | None, Bounds(0, math.inf)] = None
    """Weight decay of the head's linear weights; None for the recipe's."""

    def __post_init__(self) -> None:
        if self.freeze not in ("all", "none") and not re.fullmatch("[0-9]{1,9}", self.freeze):
            raise ValueError(f"transfer: freeze = {self.freeze[:60]!r} is no number of stages")
        sizes = {key: value for key, value in self.head.items() if key != "kind"}
        for key, value in sizes.items():
            if type(value) is not int or not 1 <= value <= MOST_UNITS:
                raise ValueError(f"transfer: head: {key} is not between 1 and {MOST_UNITS:,}")
        largest = sorted(sizes.values())[-2:]
        if math.prod(largest) > MOST_NUMBERS:
            raise ValueError(f"transfer: a head of {' x '.join(map(str, largest))} is too large")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What may differ between two runs that must give the same weights.

    It is no part of a run's identity.
    """

    workers: Annotated[int, Bounds(0, 1_000_000)] = 0
    """Threads that read the images."""
    command: str = ""
    """The command line, as a shell takes it."""
    minutes: float | None = None
    """That the training was to take, where its epochs were chosen by that."""
    started: str = ""
    """Date and time (ISO 8601, UTC)."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of Python and of the packages that decide about results, and the system beneath them."""
