"""``striate compare``: networks side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.sizes import read_size
from striate.cli.table import NETWORK_HELP, AllowCode


def compare(
    networks: Annotated[
        list[str], typer.Argument(help=f"Each: {NETWORK_HELP}", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Draw published accuracy against MACs into this SVG file."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Of the image: 224, or HEIGHTxWIDTH; each network's own if absent."),
    ] = None,
    timed: Annotated[
        bool, typer.Option("--time", help="Measure a forward of one image on this machine.")
    ] = False,
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare networks: costs, depth, receptive field, errors.

    Parameters, MACs, memory, and where the cost sits.
    """
    from striate import api

    if output is not None:
        from striate.anatomy.show.chart import check_picture, write_picture

        check_picture(output)
    found = api.compare(networks, size=read_size(size), timed=timed, allow_code=allow_code)
    if output is not None:
        write_picture(found, output)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from striate.anatomy.show.terminal import console

    found.show(console())
