"""``striate view``: a network as one HTML file that can be explored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate.cli.sizes import read_size
from striate.cli.table import NETWORK_HELP, AllowCode, Training


def view(
    network: Annotated[
        str,
        typer.Argument(
            help=NETWORK_HELP + " A run's answers to the picture are shown too.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file; NETWORK.html if absent.")
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="A photograph to look at; a picture of its own if absent."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="A second network, shown beside the first.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Height and width of the input: 224, or HEIGHTxWIDTH."),
    ] = None,
    training: Training = False,
    allow_code: AllowCode = False,
) -> None:
    """Draw a network on one page to explore.

    Every layer with its costs, its arithmetic, and what each of its cells sees of the picture.
    """
    from rich.console import Console

    from striate import api
    from striate.support.text import printable

    with Console(stderr=True).status("recording and drawing …"):
        written = api.view(
            network,
            output,
            image=image,
            against=against,
            size=read_size(size),
            training=training,
            allow_code=allow_code,
        )
    print(printable(str(written)))
