"""``striate show``: one run, without its images."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.runs.options import ShowOptions


@command(ShowOptions)
def show(given: Given, as_json: AsJson = False) -> None:
    """Show a run: network, data, recipe, figures, learning curve.

    And what to do next; or its mistakes. The images are not needed.
    """
    from striate import api

    found = api.show(**given)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
        return
    from rich.console import Console

    found.show(Console(highlight=False))
