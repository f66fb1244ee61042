"""``striate explain``: the arithmetic of one layer."""

from __future__ import annotations

import json

from striate.anatomy.options import ExplainOptions
from striate.cli.options import AsJson, Given, command


@command(ExplainOptions)
def explain(given: Given, as_json: AsJson = False) -> None:
    """Show the arithmetic of a layer with its numbers.

    Its size, its costs, and what it sees of the image.
    """
    from striate import api
    from striate.errors import StriateError

    network, layer = given.pop("network"), given.pop("layer")
    if layer is None:
        if given.pop("at") is not None:
            raise StriateError("--at", "is a position of one layer", "name the layer too")
        every = api.explain(network, **given)
        if as_json:
            print(json.dumps([each.to_json() for each in every], indent=1))
            return
        from striate.anatomy.show.terminal import console, show_layers

        show_layers(every, console())
        return
    found = api.explain(network, str(layer), **given)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from striate.anatomy.show.terminal import console

    found.show(console())
