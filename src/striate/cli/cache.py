"""``striate cache``: what is kept on disk so that it need not be computed again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from striate.transferring.cache import Entry

_DAYS = 30.0


def cache(
    prune: Annotated[
        bool, typer.Option("--prune", help=f"Remove what was not used for {_DAYS:g} days.")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Remove what was not used for so many days."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove everything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the features that `striate transfer` keeps on disk, or remove old ones.

    They are in STRIATE_CACHE, else in ~/.cache/striate.
    """
    from striate.transferring.cache import default_folder, entries
    from striate.transferring.cache import prune as remove

    days = 0.0 if everything else _DAYS if older_than is None else older_than
    removed = remove(days=days) if prune or everything or older_than is not None else None
    kept = entries()
    folder = default_folder().absolute()
    if as_json:
        document = {
            "folder": str(folder),
            "bytes": sum(one.bytes for one in kept),
            "kept": [one.to_json() for one in kept],
            "removed": [one.to_json() for one in removed or ()],
        }
        print(json.dumps(document, indent=1))
    else:
        _show(folder, kept, removed)


def _show(folder: Path, kept: list[Entry], removed: list[Entry] | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if removed is not None:
        freed = sum(one.bytes for one in removed) / 1e6
        console.print(f"removed the features of {len(removed)} backbones, {freed:,.1f} MB")
    size = sum(one.bytes for one in kept) / 1e6
    console.print(Text(f"{folder}: {size:,.1f} MB"))
    if not kept:
        return
    table = Table("backbone", "engine", "view")
    for name in ("images", "features", "MB", "last used"):
        table.add_column(name, justify="right")
    for one in kept:
        table.add_row(
            Text(one.backbone),
            Text(one.engine),
            Text(one.view),
            f"{one.images:,}",
            f"{one.width:,}",
            f"{one.bytes / 1e6:,.1f}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used)),
        )
    console.print(table)
