"""``striate compare``: networks side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from striate.anatomy.options import CompareOptions
from striate.cli.flags import Flag
from striate.cli.options import AsJson, Given, command


@command(CompareOptions, timed=("--time",))
def compare(
    given: Given,
    output: Annotated[
        Path | None,
        Flag(("-o", "--output"), "Draw published accuracy against MACs into this SVG file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare networks: costs, depth, receptive field, errors.

    Parameters, MACs, memory, and where the cost sits.
    """
    from striate import api

    if output is not None:
        from striate.anatomy.show.chart import check_picture, write_picture

        check_picture(output)
    found = api.compare(**given)
    if output is not None:
        write_picture(found, output)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from striate.anatomy.show.terminal import console

    found.show(console())
