"""``striate table``: what a network is made of, layer by layer."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from striate.cli.sizes import read_size

#: What a command that looks at a network takes for one.
NETWORK_HELP = (
    "A name (see `striate list-networks`), torchvision:NAME, timm:NAME, FILE.py:CLASS, "
    "PACKAGE.MODULE:NAME, or a run's folder."
)

#: What a command that opens a run says of its code.
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Let a run's folder run the Python code that it names as its network; only if you "
        "trust whoever made it.",
    ),
]

Training = Annotated[
    bool,
    typer.Option("--training", help="As in training: with auxiliary heads and dropout."),
]


def table(
    network: Annotated[str, typer.Argument(help=NETWORK_HELP, show_default=False)],
    size: Annotated[
        str | None,
        typer.Option(help="Of the image: 224, or HEIGHTxWIDTH; the network's own if absent."),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Group operators by module, so many levels deep; 0 for every operator. If absent: "
            "as deep as 60 rows allow; every operator with --json and --csv.",
        ),
    ] = None,
    training: Training = False,
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a Markdown table.")
    ] = False,
) -> None:
    """Show every layer's size, costs and receptive field.

    Costs are parameters, MACs and memory; totals are shown below.
    """
    from striate.errors import StriateError

    if as_json + as_csv + as_markdown > 1:
        raise StriateError("--json, --csv, --markdown", "exclude one another", "give one of them")
    pixels = read_size(size)
    from striate.anatomy.table import readable_table
    from striate.anatomy.table import table as tabulate
    from striate.runs.open_network import open_network

    graph = open_network(network, size=pixels, allow_code=allow_code).record(training=training)
    readable = depth is None and not (as_json or as_csv)
    found = readable_table(graph) if readable else tabulate(graph, depth=depth)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from striate.anatomy.show.text import to_csv, to_markdown

    if as_csv or as_markdown:
        print((to_csv if as_csv else to_markdown)(found), end="")
        return
    from striate.anatomy.show.terminal import console

    found.show(console())
