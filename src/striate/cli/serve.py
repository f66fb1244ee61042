"""``striate serve``: classifiers behind HTTP."""

from __future__ import annotations

import json
import sys

from striate.cli.options import AsJson, Given, command
from striate.serving.options import ServeOptions


@command(ServeOptions)
def serve(given: Given, as_json: AsJson = False) -> None:
    """Serve classifiers over HTTP, to people and to programs.

    People have a page, programs a protocol. Once the models are loaded, the address is printed. A
    termination or Ctrl-C ends it, after what was accepted has been answered.
    """
    from striate import api
    from striate.support.text import printable

    def started(address: str, warning: str) -> None:
        if as_json:
            print(json.dumps({"address": address}), flush=True)
        else:
            print(f"serving at {printable(address)} (Ctrl-C ends it)", flush=True)
        if warning:
            print(f"striate: {warning}", file=sys.stderr, flush=True)

    api.serve(**given, started=started)
