"""``striate ensemble``: several runs as one."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.runs.options import EnsembleOptions


@command(EnsembleOptions, out=("--out",))
def ensemble(given: Given, as_json: AsJson = False) -> None:
    """Make a run of several: the mean of their probabilities.

    The members are copied into it. Classes are matched by name.
    """
    from striate import api

    found = api.ensemble(**given, progress=True)
    print(json.dumps(found.to_json()) if as_json else found.summary())
