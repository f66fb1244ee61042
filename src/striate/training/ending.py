"""How what was cut short ends: with what there is now, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from striate.errors import DataError, Interrupted
from striate.support.files import WriteError


@contextmanager
def going_on(command: str, *, interrupted: str) -> Iterator[None]:
    """While the block runs, end what a person can mend by saying how to go on afterwards.

    Args:
        command: what to type then; it must lead to the end that was meant.
        interrupted: where Ctrl-C was heard, if it comes: ``"in the final evaluation"``.

    Raises:
        Interrupted: for KeyboardInterrupt.
        DataError: an image cannot be read (any more).
        WriteError: a file cannot be written.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(f"{interrupted}; go on with: {command}") from stop
    except WriteError as error:
        raise WriteError(error.what, error.why, _then(error.remedy, command)) from error
    except DataError as error:
        remedy = _then(error.remedy or "restore it", command)
        raise DataError(error.what, error.why, remedy) from error


def _then(remedy: str, command: str) -> str:
    return f"{remedy}, then go on with: {command}"
