"""``striate list``: every network of the catalogue."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

#: What one entry of ``--json`` holds, in this order.
KEYS = ("name", "family", "year", "parameters", "macs", "input")


def list_networks(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the networks with their counts and input sizes."""
    from striate import api

    entries = api.catalogue()
    if as_json:
        print(json.dumps([{key: asdict(each)[key] for key in KEYS} for each in entries], indent=1))
        return
    print(f"{'name':<16} {'year':>4} {'parameters':>12} {'MACs':>15}  {'input':<13} family")
    for each in entries:
        size = " × ".join(map(str, each.input))
        print(
            f"{each.name:<16} {each.year:>4} {each.parameters:>12,} {each.macs:>15,}  "
            f"{size:<13} {each.family}"
        )
