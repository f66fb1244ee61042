"""``striate what-if``: the arithmetic of layers that belong to no network."""

from __future__ import annotations

import json
from typing import Annotated

from striate.cli.flags import Argument
from striate.cli.options import AsJson


def what_if(
    layers: Annotated[
        list[str],
        Argument(
            'Layers one after another, such as "1x1 128->32, 5x5 32->256 @100x100"; several '
            "such texts are compared. s2 stride, p1 padding, d2 dilation, g4 groups, nobias; also "
            "max 3x3, avg 2x2, gap, flatten 7x7x512 -> 10, linear 84->10.",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what layers of no network would cost and see.

    Several are compared side by side.
    """
    from striate import api

    found = api.what_if(*layers)
    if as_json:
        print(json.dumps([each.to_json() for each in found], indent=1))
        return
    from striate.anatomy.show.terminal import console, show_what_if

    show_what_if(found, console())
