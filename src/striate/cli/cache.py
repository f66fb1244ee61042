"""``striate cache``: what is cached on disk so that it need not be computed again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

from striate.cli.flags import Flag
from striate.cli.options import AsJson, Given, command
from striate.transfer_learning.cache.options import CacheOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from striate.data.working_copies.entries import CopiesInfo
    from striate.transfer_learning.cache.entries import EntryInfo

_DAYS = 30.0


@command(CacheOptions, folder=("--cache",), everything=("--all",))
def cache(
    given: Given,
    prune: Annotated[
        bool, Flag(("--prune",), f"Remove what was not used for {_DAYS:g} days.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is cached on disk, or remove what is old.

    Features, working copies of photographs and unpacked archives above all; in STRIATE_CACHE, else
    in ~/.cache/striate. What a process is using is left.
    """
    from rich.console import Console
    from rich.text import Text

    from striate import api

    if prune and given["older_than"] is None:
        given["older_than"] = _DAYS
    found = api.cache(**given)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    console = Console(highlight=False)
    for line in found.heading():
        console.print(Text(line))
    if found.entries:
        _show(console, found.entries)
    if found.copies:
        _show_copies(console, found.copies)


def _show(console: Console, entries: Sequence[EntryInfo]) -> None:
    from rich.text import Text

    from striate.support.grids import grid

    table = grid(["backbone", "engine", "view"], ["images", "features", "MB", "last used"])
    for one in entries:
        table.add_row(
            Text(one.backbone),
            Text(one.engine),
            Text(one.view),
            f"{one.images:,}",
            f"{one.features:,}",
            f"{one.bytes / 1e6:,.1f}",
            _day(one.used),
        )
    console.print(table)


def _show_copies(console: Console, copies: Sequence[CopiesInfo]) -> None:
    from rich.text import Text

    from striate.support.grids import grid

    table = grid(["made of images"], ["images", "MB", "last used"])
    for one in copies:
        size = f"{one.bytes / 1e6:,.1f}"
        table.add_row(Text(one.made), f"{one.images:,}", size, _day(one.used))
    console.print(table)


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
