"""``striate view``: a network as one HTML file that can be explored."""

from __future__ import annotations

from striate.anatomy.options import ViewOptions
from striate.cli.options import Given, command


@command(ViewOptions, output=("-o", "--output"))
def view(given: Given) -> None:
    """Draw a network on one page to explore.

    Every layer with its costs, its arithmetic, and what each of its cells sees of the picture.
    """
    from rich.console import Console

    from striate import api
    from striate.support.text import printable

    with Console(stderr=True).status("recording and drawing …"):
        written = api.view(**given)
    print(printable(str(written)))
