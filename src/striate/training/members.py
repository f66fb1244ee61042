"""Networks of several seeds, trained in turn: the members of an ensemble."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from striate.errors import Interrupted, RunError, StriateError, parameter
from striate.hub.subject import stem_of
from striate.recipes.recipe import Recipe
from striate.runs.folder import claim_out
from striate.runs.layout import MEMBERS, is_run_folder
from striate.runs.run import Run
from striate.support.limits import LARGEST_SEED
from striate.support.paths import exists, resolved, shown
from striate.training.options import TrainOptions
from striate.training.result import TrainResult

TrainOne = Callable[[TrainOptions, int], TrainResult]
"""Trains one network by the options, on the images that a seed splits off, and measures it."""


def trained_members(options: TrainOptions, train_one: TrainOne) -> tuple[Path, list[Run]]:
    """Train the members that are not there yet, or not to their end.

    Returns:
        The ensemble's folder, resolved, and its members in the order of their seeds.

    Raises:
        StriateError: an option is at fault, or a member cannot be trained.
        Interrupted: Ctrl-C; it says how to go on.
    """
    from striate.training.resume import open_again

    total = options.members or 0
    out = _checked(options, total)
    found = []
    for number in range(1, total + 1):
        folder = out / MEMBERS / f"{number:02}"
        own = _own_options(options, folder, number, total)
        if (done := _finished(own, folder)) is None:
            if options.progress:
                print(f"network {number} of {total}, seed {own.seed}", file=sys.stderr, flush=True)
            with _interruptible(out, number, total):
                train_one(own, options.seed or 0)
            done = open_again(folder, own)
        found.append(done)
    return out, found


def _checked(options: TrainOptions, total: int) -> Path:
    """The ensemble's folder, where the options make sense."""
    wanted = parameter("members", total)
    needed = ("data", "net", "out") if options.resume else ("data", "net")
    for name in needed:
        if getattr(options, name) is None:
            raise StriateError(wanted, f"needs {parameter(name)}", "give it")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise StriateError(wanted, "trains in one process", "start it without torchrun")
    if (options.seed or 0) + total - 1 > LARGEST_SEED:
        raise StriateError(parameter("seed", options.seed), "is too large for so many networks")
    if options.out is None:
        return _new_folder(options)
    out = resolved(options.out, kind=RunError)
    if not options.resume and exists(out / MEMBERS, kind=RunError):
        raise RunError(
            shown(out),
            "holds networks of an ensemble already",
            f"go on with them by {parameter('resume', True)}, or choose another folder",
        )
    if is_run_folder(out) and not Run.open(out).has_members:
        raise RunError(shown(out), "holds a run already", "choose another folder")
    return out


def _new_folder(options: TrainOptions) -> Path:
    """A folder that is called after network and images, and holds nothing."""
    assert options.data is not None
    assert options.net is not None
    with claim_out(
        options.data, None, stem_of(options.net), otherwise="choose another folder"
    ) as free:
        return free.path


def _own_options(options: TrainOptions, folder: Path, number: int, total: int) -> TrainOptions:
    """What the member of that number, from 1 on, is trained by."""
    minutes = None if options.minutes is None else options.minutes / total
    return replace(
        options,
        members=None,
        seed=(options.seed or 0) + number - 1,
        minutes=minutes,
        out=folder,
        resume=is_run_folder(folder),
    )


def _finished(options: TrainOptions, folder: Path) -> Run | None:
    """The member in `folder`, where it is trained and measured; it must be what was asked for.

    Raises:
        RunError: it was trained by other options.
    """
    from striate.training.resume import open_again, refuse_changes

    if not is_run_folder(folder):
        return None
    run = open_again(folder, options)
    if isinstance(run.config.recipe, Recipe):
        refuse_changes(options, run, run.config.recipe)
    return run if run.is_finished and run.evaluation is not None else None


@contextmanager
def _interruptible(out: Path, number: int, total: int) -> Iterator[None]:
    """Say how all of them go on, in the folder `out`, where one is interrupted."""
    try:
        yield
    except Interrupted as stop:
        raise Interrupted(
            f"in network {number} of {total}; the same command with --resume --out "
            f"{shlex.quote(str(out))} goes on"
        ) from stop
