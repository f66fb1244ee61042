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
    """Show what `striate transfer` keeps on disk, features above all, or remove what is old.

    They are in STRIATE_CACHE, else in ~/.cache/striate.
    """
    from striate.transferring.cache import default_folder, entries
    from striate.transferring.cache import prune as remove
    from striate.transferring.kept import notes, prune_notes

    days = 0.0 if everything else _DAYS if older_than is None else older_than
    folder = default_folder().absolute()
    removed = None
    if prune or everything or older_than is not None:
        removed = remove(days=days)
        prune_notes(folder, days=days)
    kept = entries()
    small = {
        kind: {"files": len(found), "bytes": sum(one.bytes for one in found)}
        for kind, found in notes(folder).items()
    }
    if as_json:
        document = {
            "folder": str(folder),
            "bytes": sum(one.bytes for one in kept) + sum(one["bytes"] for one in small.values()),
            **small,
            "kept": [one.to_json() for one in kept],
            "removed": [one.to_json() for one in removed or ()],
        }
        print(json.dumps(document, indent=1))
    else:
        _show(folder, kept, small, removed)


def _show(
    folder: Path, kept: list[Entry], small: dict[str, dict[str, int]], removed: list[Entry] | None
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if removed is not None:
        freed = sum(one.bytes for one in removed) / 1e6
        console.print(f"removed the features of {len(removed)} backbones, {freed:,.1f} MB")
    images, heads = small["images"], small["heads"]
    size = (sum(one.bytes for one in kept) + images["bytes"] + heads["bytes"]) / 1e6
    console.print(Text(f"{folder}: {size:,.1f} MB"))
    if images["files"] or heads["files"]:
        console.print(
            f"{images['files']} sources of images found sound, {heads['files']} heads compared"
        )
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
