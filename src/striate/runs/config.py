"""``run.toml``: everything about a run that is decided before its first step."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import tomli_w

from striate.data.preprocessing import Preprocessing
from striate.errors import RunError, nearest
from striate.support.files import sha256, write_atomically
from striate.support.paths import shown

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
    transfer: Mapping[str, Any] = field(default_factory=dict)
    """What a transferred network is made of (see `striate.runs.networks`); empty for others."""
    weights: Mapping[str, Any] = field(default_factory=dict)
    """Published weights that the network started from: ``source`` (a library or a file's path),
    ``name`` (for people), ``digest`` (SHA-256 of their file), ``note``; empty for others."""
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
        # Runs from before there was a choice say nothing of it; they were bilinear.
        if self.preprocessing.interpolation == "bilinear":
            del decided["preprocessing"]["interpolation"]
        if self.transfer:
            # Likewise: the weights count, not the file that they were read from.
            decided["transfer"] = {k: v for k, v in self.transfer.items() if k != "origin"}
        if self.weights:
            decided["weights"] = self.weights["digest"]
        return sha256(json.dumps(decided, sort_keys=True).encode())

    @property
    def stem(self) -> str:
        """What files made of the network are called: its name without what names its source."""
        return re.sub(r"[^\w.-]+", "-", self.network.rpartition(":")[2])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML."""
        plain: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("transfer", "weights") and not value:
                continue
            if isinstance(value, Preprocessing):
                value = value.to_dict()
            elif isinstance(value, DataOrigin):
                value = {f.name: getattr(value, f.name) for f in fields(value)}
                value["origin"] = escaped(value["origin"])
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, Mapping):
                value = dict(value)
            plain[each.name] = value
        # For people only, so nothing has to be undone.
        plain["command"] = self.command.encode("utf-8", "backslashreplace").decode()
        return plain

    def write(self, path: Path) -> None:
        """Write `path` (TOML), whole or not at all."""
        write_atomically(path, tomli_w.dumps(self.to_dict()).encode())

    @classmethod
    def read(cls, path: Path) -> RunConfig:
        """Read what `write` wrote.

        Raises
        ------
        RunError: the file is missing, is not TOML, lacks or adds a key, or a value is of the wrong
            kind.
        """
        where = shown(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RunError(
                where, f"cannot be read ({error.strerror})", "a run's folder holds a run.toml"
            ) from error
        except ValueError as error:  # not TOML, or not UTF-8
            raise RunError(where, f"is damaged ({error})", "restore it from a copy") from error
        known = {each.name for each in fields(cls)}
        for key in content:
            if key not in known:
                raise RunError(where, f"has an unknown key '{key}'", nearest(key, known))
        try:
            return _parse(content)
        except (KeyError, TypeError, ValueError, RunError) as error:
            raise RunError(where, f"is damaged ({error})", "restore it from a copy") from error


def escaped(path: str) -> str:
    """`path` with what UTF-8 cannot write as a null character and four hexadecimal digits.

    Python holds the bytes of a file's name that are not UTF-8 as lone surrogates. No path contains
    a null character, so that `unescaped` brings back exactly what was there.
    """
    return re.sub("[\ud800-\udfff]", lambda found: f"\0{ord(found[0]):04x}", path)


def unescaped(path: str) -> str:
    """The opposite of `escaped`."""
    return re.sub("\0(d[89a-f][0-9a-f]{2})", lambda found: chr(int(found[1], 16)), path)


def _parse(content: dict[str, Any]) -> RunConfig:
    """The run's decisions in `content`; KeyError, TypeError or ValueError for damage."""
    data = _checked(DataOrigin, content["data"])
    data["origin"] = unescaped(data["origin"])
    parsed: dict[str, Any] = {
        "preprocessing": Preprocessing.from_dict(_table("preprocessing", content["preprocessing"])),
        "data": DataOrigin(**data),
    }
    plain = {key: value for key, value in content.items() if key not in parsed}
    config = RunConfig(**_checked(RunConfig, plain), **parsed)
    if len(config.classes) < 2:
        raise ValueError("it names fewer than two classes")
    if not 0 <= config.data.val_fraction < 1:
        raise ValueError("val_fraction must lie between 0 and 1")
    if min(config.threads, config.world) < 1:
        raise ValueError("threads and world must be at least 1")
    if config.transfer:
        for key, kind in (("spec", str), ("classifier", str), ("options", dict), ("head", dict)):
            if not isinstance(config.transfer.get(key), kind):
                raise ValueError(f"transfer names no {key}")
    if config.weights and not all(
        isinstance(config.weights.get(key), str) for key in ("source", "name", "digest")
    ):
        raise ValueError("weights names no source, name and digest")
    return config


def _checked(kind: type[DataOrigin | RunConfig], values: Any) -> dict[str, Any]:
    """`values` of the types that the fields of `kind` have; TypeError for others."""
    hints = get_type_hints(kind)
    plain = _table(kind.__name__, values)
    for key, value in plain.items():
        hint = hints.get(key)
        if get_origin(hint) is tuple:
            fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        elif get_origin(hint) is Mapping:
            fits = isinstance(value, dict)
        else:
            fits = type(value) is hint or (hint is float and type(value) is int)
        if not fits:
            raise TypeError(f"{key} = {value!r}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} = {value!r}")
    return value
