"""Notes on a run besides a command's result: on standard error."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path


def tell_of(run: str | Path, *, allow_code: bool) -> None:
    """Say what whoever uses the network of `run` should know, if there is anything."""
    from striate import api
    from striate.engines.exported import is_exported
    from striate.errors import StriateError
    from striate.support.text import printable

    if is_exported(run):
        return
    with suppress(StriateError):  # what is wrong with the run is for the command itself to say
        for note in api.open_run(run, allow_code=allow_code).notes:
            print(f"note: {printable(note)}", file=sys.stderr)
