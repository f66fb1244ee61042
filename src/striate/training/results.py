"""The files of a run that others read: all of them can be made again from its checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from striate.errors import RunError
from striate.runs import layout as names
from striate.runs.stamp import read_stamp
from striate.runs.weights import write_weights
from striate.support.files import write_atomically
from striate.support.paths import shown
from striate.training.checkpoint import State


def write_results(path: Path, state: State, best: nn.Module | None) -> None:
    """Write the weights and the figures of a run.

    Args:
        path: the run's folder.
        state: where its training is.
        best: the network whose weights are the best so far; None where those are written already.

    Raises:
        WriteError: a file cannot be written; what it held before is kept.
    """
    if best is not None and state.best is not None:
        write_weights(
            path / names.WEIGHTS,
            best.state_dict(),
            identity=state.identity,
            epoch=state.best.epoch,
        )
    write_atomically(path / names.METRICS, _lines(state.history))
    write_atomically(path / names.TIMING, _lines(state.timing))


def restore_results(path: Path, state: State, network: nn.Module) -> None:
    """Make good what a kill between checkpoint and weights left undone.

    Args:
        path: the run's folder.
        state: its last checkpoint, in which an epoch is the best so far.
        network: with the weights of that checkpoint.

    Raises:
        RunError: the weights in the folder are not those that this run wrote.
    """
    assert state.best is not None
    just_ended = state.step == 0 and state.best.epoch == state.epoch
    weights = path / names.WEIGHTS
    if not just_ended and read_stamp(weights).digest != state.best.digest:
        raise RunError(
            shown(weights), "is not the one that this run wrote", "restore it from a copy"
        )
    write_results(path, state, network if just_ended else None)


def _lines(entries: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in entries).encode()
