"""``results.jsonl``: what was measured, a line each; and ``timing.jsonl``, how long it took.

The first line says what the results are of: the experiment, its conditions, what was held equal and
what it was made with. Every other line is one setting with one seed. While an experiment runs,
lines are added as they come, each in one write; a line that a kill has torn is left out. At the end
the file is written anew with its lines in order, so that it is the same to the byte however many
workers there were and however often it was cut. Times stand in a file of their own, since they are
never the same.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import RunError
from striate.lab.experiment import Equal, Measured
from striate.support.files import write_atomically
from striate.support.paths import shown

RESULTS, TIMING = "results.jsonl", "timing.jsonl"
#: What a measured number is called that is a time.
SECONDS = "seconds"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What results are of.

    Attributes:
        experiment: its name.
        quick: whether it only proves that everything works.
        epochs: of each training.
        data: the name of the images and what there is of them; empty without images.
        equal: what was held equal.
        made_with: versions of Striate and of PyTorch.
    """

    experiment: str
    quick: bool
    epochs: int
    data: Mapping[str, Any]
    equal: tuple[Equal, ...]
    made_with: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        equal = [vars(each) | {"values": dict(each.values)} for each in self.equal]
        return vars(self) | {"data": dict(self.data), "equal": equal}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Header:
        """What `to_json` gave; TypeError or LookupError for anything else."""
        equal = tuple(Equal(**each) for each in plain["equal"])
        return cls(**{**plain, "equal": equal})


@dataclass
class Results:
    """What was measured.

    Attributes:
        header: what it is of.
        settings: that were compared, in the order in which they are shown.
        lines: numbers by (seed, setting).
        times: seconds by (seed, setting), likewise.
    """

    header: Header
    settings: tuple[str, ...]
    lines: dict[tuple[int, str], Measured] = field(default_factory=dict)
    times: dict[tuple[int, str], Measured] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """Those that every setting was measured with, rising."""
        begun = sorted({seed for seed, _ in self.lines})
        return [n for n in begun if all((n, name) in self.lines for name in self.settings)]

    def values(self, setting: str, name: str) -> list[float]:
        """A figure of a setting with each seed."""
        return [float(self._of(seed, setting, name)) for seed in self.seeds]  # type: ignore[arg-type]

    def has(self, setting: str, name: str) -> bool:
        """Whether a figure is measured of a setting."""
        among = self.times if name.startswith(SECONDS) else self.lines
        return all(name in among[seed, setting] for seed in self.seeds)

    def rows(self, setting: str, name: str) -> list[list[float]]:
        """A list of a setting with each seed, such as a figure of each layer."""
        return [list(self._of(seed, setting, name)) for seed in self.seeds]  # type: ignore[arg-type]

    def _of(self, seed: int, setting: str, name: str) -> float | Sequence[float]:
        among = self.times if name.startswith(SECONDS) else self.lines
        return among[seed, setting][name]

    def add(self, seed: int, setting: str, measured: Measured, seconds: float) -> None:
        """Take in what was measured of a setting with a seed, in so many seconds.

        Raises:
            ValueError: a number is not finite.
        """
        for name, value in measured.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name} of {setting} with seed {seed} is not finite: {value}")
        own = {name: each for name, each in measured.items() if not name.startswith(SECONDS)}
        times = {name: each for name, each in measured.items() if name.startswith(SECONDS)}
        self.lines[seed, setting] = own
        self.times[seed, setting] = {SECONDS: round(seconds, 3), **times}


def append(folder: Path, results: Results, seed: int, setting: str) -> None:
    """Add a line to each of the files in `folder`, each in one write that survives a crash."""
    for name, lines in ((TIMING, results.times), (RESULTS, results.lines)):
        handle = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            # The line before may have been torn by a kill; an empty line between two is none.
            os.write(handle, b"\n" + _line(seed, setting, lines[seed, setting]))
            os.fsync(handle)
        finally:
            os.close(handle)


def write(folder: Path, results: Results) -> None:
    """Write both files of `folder` anew, their lines in order.

    Raises:
        WriteError: one cannot be written.
    """
    for name, lines in ((TIMING, results.times), (RESULTS, results.lines)):
        ordered = sorted(lines, key=lambda key: (key[0], results.settings.index(key[1])))
        head = [json.dumps(results.header.to_json()).encode() + b"\n"] if name == RESULTS else []
        content = [*head, *(_line(*key, lines[key]) for key in ordered)]
        write_atomically(folder / name, b"".join(content))


def read(path: Path, settings: Sequence[str], timing: Path | None = None) -> Results:
    """The results in the file `path`, of these `settings`.

    Args:
        path: of a file as `write` or `append` left it.
        settings: lines of others are passed over.
        timing: of the times beside it; `TIMING` in the same folder if it is None.

    Raises:
        RunError: it is missing, or its first line is none of ours.
    """
    what = shown(path)
    try:
        first, *rest = path.read_bytes().split(b"\n")
    except OSError as error:
        raise RunError(
            what, "there are no results", "name a folder of `striate lab run`"
        ) from error
    try:
        results = Results(header=Header.of(json.loads(first)), settings=tuple(settings))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        why = "is not the results of an experiment"
        raise RunError(what, why, "name a folder of `striate lab run`") from error
    results.lines = _parsed(rest, settings)
    beside = path.with_name(TIMING) if timing is None else timing
    times = beside.read_bytes().split(b"\n") if beside.is_file() else []
    results.times = _parsed(times, settings)
    return results


def _line(seed: int, setting: str, measured: Measured) -> bytes:
    return json.dumps({"seed": seed, "setting": setting, **measured}, allow_nan=False).encode() + (
        b"\n"
    )


def _parsed(lines: Sequence[bytes], settings: Sequence[str]) -> dict[tuple[int, str], Measured]:
    """Numbers by (seed, setting); what is torn or not of `settings` is left out."""
    found: dict[tuple[int, str], Measured] = {}
    for line in filter(None, lines):
        try:
            plain = json.loads(line)
            seed, setting = plain.pop("seed"), plain.pop("setting")
        except (ValueError, LookupError, AttributeError):
            continue
        if setting in settings and type(seed) is int and all(map(_is_number, plain.values())):
            found[seed, setting] = plain
    return found


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_number, value))
    return type(value) in (int, float) and math.isfinite(value)
