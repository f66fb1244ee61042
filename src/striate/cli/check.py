"""``striate check``: what is wrong with a set of images, and what they are like."""

from __future__ import annotations

import json

import click

from striate.cli.options import AsJson, Given, command
from striate.data.checking.options import CheckOptions


@command(CheckOptions)
def check(given: Given, as_json: AsJson = False) -> None:
    """Look for what is wrong with images.

    Bad files, duplicates, imbalance; exits with 2 if training would refuse.
    """
    from striate import api

    found = api.check(**given, progress=True)
    if as_json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        from rich.console import Console

        found.show(Console(highlight=False))
    if not found.usable:
        raise click.exceptions.Exit(2)
