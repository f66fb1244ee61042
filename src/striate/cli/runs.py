"""``striate runs``: the runs under a folder."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.runs.options import ListRunsOptions


@command(ListRunsOptions)
def runs(given: Given, as_json: AsJson = False) -> None:
    """List the runs under a folder.

    Network, data, top-1 with its 95 % interval, parameters, MACs, time in epochs and date; sorted
    and filtered. In Python it is `striate.list_runs`.
    """
    from striate import api

    found = api.list_runs(**given)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
        return
    from rich.console import Console

    found.show(Console(highlight=False))
