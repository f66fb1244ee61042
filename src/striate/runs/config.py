"""``run.toml``: everything about a run that is decided before its first step."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import tomli_w

from striate.data.preprocessing import Preprocessing
from striate.errors import RunError, nearest
from striate.runs.files import sha256, write_atomically

#: What may differ between two runs that must give the same weights: it is left out of the identity.
INCIDENTAL = ("command", "versions", "started", "workers")


@dataclass(frozen=True, kw_only=True)
class DataOrigin:
    """Which images the run was trained and validated on."""

    origin: str
    """Resolved path or name, as ``striate.data.sources.open_data`` takes it."""
    fingerprint: str
    """SHA-256 over split, class, name and content of every image."""
    val_fraction: float
    train_images: int
    val_images: int
    test_images: int
    held_out: str
    """Where the validation images come from: ``val``, ``test`` or ``split``."""
    skipped: int = 0


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The decisions of one run, as they stand after the command's flags."""

    network: str
    classes: tuple[str, ...]
    in_channels: int
    preprocessing: Preprocessing
    recipe: Mapping[str, Any]
    """The whole recipe with every default filled in."""
    data: DataOrigin
    seed: int
    precision: str
    """``float32`` or ``bfloat16``: what the training steps were computed in."""
    device: str
    threads: int
    """Processor threads of one operator: part of what makes a result repeatable to the bit."""
    world: int = 1
    """Processes that trained together."""
    variant: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 0
    command: str = ""
    started: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """SHA-256 of all that determines the result: equal for runs that must end equal."""
        decided = {key: value for key, value in self.to_dict().items() if key not in INCIDENTAL}
        # Only what the images are counts, not where this machine keeps them.
        decided["data"] = {k: v for k, v in decided["data"].items() if k != "origin"}
        return sha256(json.dumps(decided, sort_keys=True).encode())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML."""
        plain: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Preprocessing):
                value = value.to_dict()
            elif isinstance(value, DataOrigin):
                value = {f.name: getattr(value, f.name) for f in fields(value)}
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, Mapping):
                value = dict(value)
            plain[each.name] = value
        return plain

    def write(self, path: Path) -> None:
        """Write `path` (TOML), whole or not at all."""
        write_atomically(path, tomli_w.dumps(self.to_dict()).encode())

    @classmethod
    def read(cls, path: Path) -> RunConfig:
        """Read what `write` wrote.

        Raises
        ------
        RunError: the file is missing, is not TOML, or lacks or adds a key.
        """
        where = str(path.resolve())
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RunError(
                where, f"cannot be read ({error.strerror})", "a run's folder holds a run.toml"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RunError(where, f"is damaged ({error})", "restore it from a copy") from error
        known = {each.name for each in fields(cls)}
        for key in content:
            if key not in known:
                raise RunError(where, f"has an unknown key '{key}'", nearest(key, known))
        try:
            content["classes"] = tuple(content["classes"])
            content["preprocessing"] = Preprocessing.from_dict(content["preprocessing"])
            content["data"] = DataOrigin(**content["data"])
            config = cls(**content)
        except (KeyError, TypeError) as error:
            raise RunError(where, f"is damaged ({error})", "restore it from a copy") from error
        if len(config.classes) < 2 or not math.isfinite(config.data.val_fraction):
            raise RunError(where, "names fewer than two classes", "restore it from a copy")
        return config
