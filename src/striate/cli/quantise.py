"""``striate quantise``: from a float file to a measured int8 one."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.deploy.quantise.options import QuantiseOptions


@command(QuantiseOptions, output=("-o", "--output"))
def quantise(given: Given, as_json: AsJson = False) -> None:
    """Make an exported file 8-bit, and measure what that costs.

    Weights of 8 bits are tried first, then of 7, then with the worst layers left float; where
    nothing is inside the limits, no file is written.
    """
    from rich.console import Console

    from striate import api

    found = api.quantise(**given, progress=True)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        found.show(Console(highlight=False))
