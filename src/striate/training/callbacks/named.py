"""Trackers by the names that people ask for them by."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import StriateError, nearest, parameter
from striate.support.packages import installed
from striate.training.callbacks.tracker import Tracker, read_trackers


@dataclass(frozen=True)
class _Named:
    """Where a tracker's class is, and what it needs."""

    module: str
    kind: str
    package: str = ""
    title: str = ""


_NAMED = {
    "csv": _Named("csv_file", "CSVFile"),
    "mlflow": _Named("mlflow", "MLflow", "mlflow", "MLflow"),
    "tensorboard": _Named("tensorboard", "TensorBoard", "tensorboard", "TensorBoard"),
    "wandb": _Named("wandb", "WandB", "wandb", "Weights & Biases"),
}


def make_trackers(
    names: Sequence[str], run: Path | None, given: Iterable[Any] = ()
) -> tuple[list[Tracker], list[str]]:
    """The trackers called `names`, and those that the run which goes on began with.

    Args:
        names: as a person gives them.
        run: the folder of the run that goes on; None for a new one.
        given: callbacks that are there already: a tracker among them is not made twice.

    Returns:
        The trackers, and notes on those that the run had and that cannot be made here.

    Raises:
        StriateError: one of `names` is no tracker, or is not installed.
    """
    for name in names:
        if name not in _NAMED:
            raise StriateError(parameter("track", name), "is no tracker", nearest(name, _NAMED))
        if not _installed(name):
            option = "tensorboard" if name == "tensorboard" else "track"
            what = parameter(option) if option == name else parameter(option, name)
            why = f"{_NAMED[name].title} is not installed"
            raise StriateError(what, why, f"pip install 'striate[{name}]'")
    there = {each.name for each in given if isinstance(each, Tracker)}
    made = [_made(name) for name in dict.fromkeys(names) if name not in there]
    there |= set(names)
    notes = []
    for name in read_trackers(run) if run is not None else ():
        if name not in _NAMED or name in there:
            continue
        if _installed(name):
            made.append(_made(name))
            made[-1].asked_for = False
        else:
            title = _NAMED[name].title
            notes.append(f"{title}, which the run was written to, is not installed here")
    return made, notes


def _installed(name: str) -> bool:
    package = _NAMED[name].package
    return not package or installed(package)


def _made(name: str) -> Tracker:
    where = f"striate.training.callbacks.{_NAMED[name].module}"
    tracker: Tracker = getattr(importlib.import_module(where), _NAMED[name].kind)()
    return tracker
