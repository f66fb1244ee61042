"""``striate evaluate``: how good a run is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate.cli.table import AllowCode

if TYPE_CHECKING:
    from striate.evaluation.metrics import Evaluation

_MOST_ROWS = 30


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="Other images with the run's classes, as for `striate train`, without those that "
            "it was trained on; the run's own held-out images if absent."
        ),
    ] = None,
    all_images: Annotated[
        bool,
        typer.Option("--all", help="Measure on the images that it was trained on, too."),
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Threads that prepare images.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda … or auto.")] = "cpu",
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a run on held-out images.

    Top-1, top-5, loss, calibration, figures of each class, confusion.
    """
    from striate import api

    found = api.evaluate(
        run,
        data,
        all_images=all_images,
        skip_bad=skip_bad,
        workers=workers,
        device=device,
        progress=True,
        allow_code=allow_code,
    )
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        _show(found, data)


def _show(found: Evaluation, data: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from striate.support.text import printable

    low, high = found.interval
    console = Console(highlight=False)
    skipped = [f"skipped {file}: {reason}" for file, reason in found.skipped]
    left_out = []
    if found.left_out and data is not None:
        images = "image" if found.left_out == 1 else "images"
        left_out = [
            f"{found.left_out:,} {images} left out: trained on (--all measures on them too)"
        ]
    for note in (*skipped, *found.notes, *left_out):
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    console.print(f"{found.images:,} images of {len(found.classes):,} classes")
    console.print(f"top-1     {found.top1:7.2%}  (95 % interval {low:.2%} to {high:.2%})")
    console.print(f"top-5     {found.top5:7.2%}")
    console.print(f"baseline  {found.baseline:7.2%}  (always the commonest class)")
    console.print(f"loss      {found.loss:7.4f}")
    console.print(f"ece       {found.ece:7.4f}  (expected calibration error)")
    rows = list(found.per_class)
    title = None
    if len(rows) > _MOST_ROWS:
        rows = sorted(rows, key=lambda each: each.f1)[:_MOST_ROWS]
        title = f"The {_MOST_ROWS} classes with the lowest F1"
    table = Table("class", title=title)
    for name in ("images", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for each in rows:
        # Text, since a class may be named [red].
        table.add_row(
            Text(printable(each.name)),
            f"{each.images:,}",
            f"{each.precision:.2%}",
            f"{each.recall:.2%}",
            f"{each.f1:.2%}",
        )
    console.print(table)
