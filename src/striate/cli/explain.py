"""``striate explain``: the arithmetic of one layer."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from striate.cli.sizes import read_position, read_size
from striate.cli.table import NETWORK_HELP, AllowCode, Training


def explain(
    network: Annotated[str, typer.Argument(help=NETWORK_HELP, show_default=False)],
    layer: Annotated[
        str | None,
        typer.Argument(
            help="A layer or module, as `striate table` calls it; all in turn if absent."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="ROW,COLUMN of the output position whose pixels are shown; its centre."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Of the image: 224, or HEIGHTxWIDTH; the network's own if absent."),
    ] = None,
    training: Training = False,
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the arithmetic of a layer with its numbers.

    Its size, its costs, and what it sees of the image.
    """
    from striate import api
    from striate.errors import StriateError

    pixels = read_size(size)
    if layer is None:
        if at is not None:
            raise StriateError("--at", "is a position of one layer", "name the layer too")
        every = api.explain(network, size=pixels, training=training, allow_code=allow_code)
        if as_json:
            print(json.dumps([each.to_json() for each in every], indent=1))
            return
        from striate.anatomy.show.terminal import console, show_layers

        show_layers(every, console())
        return
    found = api.explain(
        network,
        layer,
        at=read_position(at),
        size=pixels,
        training=training,
        allow_code=allow_code,
    )
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from striate.anatomy.show.terminal import console

    found.show(console())
