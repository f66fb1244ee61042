"""``striate bench``: how fast a network is here."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.deploy.options import BenchOptions


@command(BenchOptions)
def bench(given: Given, as_json: AsJson = False) -> None:
    """Measure how fast a network is in each engine.

    Every engine and precision at hand, in turn, in one run.
    """
    from rich.console import Console

    from striate import api
    from striate.cli.notes import tell_of

    tell_of(given["source"], allow_code=given["allow_code"])
    with Console(stderr=True).status("measuring …"):
        found = api.bench(**given)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        found.show(Console(highlight=False))
