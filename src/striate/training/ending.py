"""How what was cut short ends: with what there is now, and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from striate.errors import DataError, Interrupted
from striate.runs.run import Run
from striate.support.files import WriteError
from striate.training.callbacks.base import Callback, RunEnd


@contextmanager
def going_on(reached: Callable[[], str], way_on: Callable[[], str]) -> Iterator[None]:
    """While the block runs, end what a person can mend by saying how to go on afterwards.

    Args:
        reached: where Ctrl-C was heard, asked when it is: ``"in the final evaluation"``.
        way_on: what to do then to come to the end that was meant: ``"go on with: striate train RUN
            --resume"``; empty where nothing was lost.

    Raises:
        Interrupted: for KeyboardInterrupt.
        DataError: an image cannot be read (any more).
        WriteError: a file cannot be written.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        said = "; ".join(part for part in (reached(), way_on()) if part)
        raise Interrupted(said) from stop
    except (WriteError, DataError) as error:
        if not (then := way_on()):
            raise
        remedy = f"{error.remedy or 'restore it'}, then {then}"
        raise type(error)(error.what, error.why, remedy) from error


@contextmanager
def told_of_the_end(callbacks: Callback, run: Run) -> Iterator[None]:
    """Tell `callbacks`, once the block has run, what `run` came to, or what cut that short."""
    try:
        yield
    except BaseException as error:
        callbacks.on_run_end(RunEnd(run=run.path, figures={}, error=error))
        raise
    measured = run.evaluation or {}
    figures = {name: float(each) for name, each in measured.items() if type(each) in (int, float)}
    callbacks.on_run_end(RunEnd(run=run.path, figures=figures))
