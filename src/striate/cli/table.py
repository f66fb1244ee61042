"""``striate table``: what a network is made of, layer by layer."""

from __future__ import annotations

import json
from typing import Annotated

from striate.anatomy.options import TableOptions
from striate.cli.flags import Flag
from striate.cli.options import AsJson, Given, command


@command(TableOptions)
def table(
    given: Given,
    as_json: AsJson = False,
    as_csv: Annotated[bool, Flag(("--csv",), "Print comma-separated values.")] = False,
    as_markdown: Annotated[bool, Flag(("--markdown",), "Print a Markdown table.")] = False,
) -> None:
    """Show every layer's size, costs and receptive field.

    Costs are parameters, MACs and memory; totals are shown below. Without --depth, it is as deep
    as 60 rows allow; with --json and --csv it has every operator.
    """
    from striate.errors import StriateError

    if as_json + as_csv + as_markdown > 1:
        raise StriateError("--json, --csv, --markdown", "exclude one another", "give one of them")
    from striate import api

    if given["depth"] is None and not (as_json or as_csv):
        from striate.anatomy.table import readable_table
        from striate.runs.open_network import open_network

        opened = open_network(given["network"], size=given["size"], allow_code=given["allow_code"])
        found = readable_table(opened.record(training=given["training"]))
    else:
        found = api.table(**given)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from striate.anatomy.show.text import to_csv, to_markdown

    if as_csv or as_markdown:
        print((to_csv if as_csv else to_markdown)(found), end="")
        return
    from striate.anatomy.show.terminal import console

    found.show(console())
