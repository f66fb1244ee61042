"""Weights that a network starts from: a library's, a file's, or those of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from striate.errors import RunError
from striate.hub.found import Found
from striate.hub.libraries import LIBRARIES
from striate.hub.weights import find
from striate.runs.layout import WEIGHTS, is_run_folder
from striate.runs.run import Run


def find_weights(name: str, source: str | Path, **variant: Any) -> Found:
    """Find the weights that `source` has for a network, as `striate.hub.weights.find` does.

    A run's folder is a source as well: of its best weights, with the pre-processing and the classes
    that it was trained for.

    Args:
        name: a name of the catalogue, or a library's with its prefix.
        source: a library's name, a file, or a run's folder.
        **variant: the choices that the network is made with.

    Raises:
        WeightsError: there are none, they are damaged or those of another network.
        RunError: the run is damaged.
        NetworkError: there is no such network, or it has no such choices.
    """
    if not is_run(source):
        return find(name, source, **variant)
    run = Run.open(source)
    found = find(name, run.path / WEIGHTS, **variant)
    return replace(
        found,
        name=f"the run {run.path}",
        preprocessing=run.preprocessing.to_dict(),
        classes=run.classes,
    )


def is_run(source: str | Path) -> bool:
    """Whether `source`, which may be a library's name or a file, is a run's folder."""
    try:
        return source not in LIBRARIES and is_run_folder(Path(source))
    except RunError:
        return False  # no file can be called so; who opens it says that
