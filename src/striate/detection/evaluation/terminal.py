"""The evaluation of a detector on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import plain_percent, plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.detection.evaluation.result import BoxEvaluation

#: Of more classes, those with the lowest AP are listed.
_MOST_ROWS = 30
_ABSENT = "–"


def show(found: BoxEvaluation, console: Console) -> None:
    """Print the figures, and a table of the classes."""
    skipped = [f"skipped {file}: {reason}" for file, reason in found.skipped]
    for note in (*skipped, *found.notes):
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    of_part = f" of the part {found.part}" if found.part else ""
    classes = plural(len(found.per_class), "class", "classes")
    console.print(
        f"{plural(found.boxes, 'box', 'boxes')} of {classes} in "
        f"{plural(found.images, 'picture')}{of_part} ({found.form})"
    )
    settings = found.settings
    console.print(
        Text(
            printable(
                f"{settings.get('network', 'detector')} at {settings.get('size')}, "
                f"{settings['nms']} suppression at {settings['iou']:g}, scores from "
                f"{settings['least_score']:g}"
            )
        ),
        soft_wrap=True,
    )
    for name, key, note in (
        ("AP", "ap", "mean over overlaps .50 to .95"),
        ("AP50", "ap50", "overlap .50"),
        ("AP75", "ap75", "overlap .75"),
        ("small", "ap_small", "AP of boxes below 32 × 32 pixels"),
        ("medium", "ap_medium", "from 32 × 32 to 96 × 96"),
        ("large", "ap_large", "above 96 × 96"),
        ("recall", "ar100", "mean over overlaps, 100 boxes a class and picture"),
    ):
        console.print(f"{name:<8}{_share(found.figures[key]):>8}  ({note})")
    console.print(_classes(found))
    if found.page is not None:
        console.print(Text(f"page: {printable(str(found.page))}"), soft_wrap=True)


def _classes(found: BoxEvaluation) -> Table:
    rows = list(found.per_class)
    title = ""
    if len(rows) > _MOST_ROWS:
        rows = sorted(rows, key=lambda each: each.ap or 0.0)[:_MOST_ROWS]
        title = f"The {_MOST_ROWS} classes with the lowest AP"
    heads = ("boxes", "AP", "AP50", "AP75", "precision", "recall")
    table = grid(["class"], heads, title=title)
    table.caption = f"precision and recall from {found.threshold:g}"
    table.caption_justify = "left"
    for each in rows:
        # Text, since a class may be named [red].
        table.add_row(
            Text(printable(each.name)),
            f"{each.boxes:,}",
            *map(_share, (each.ap, each.ap50, each.ap75)),
            *map(_share, (each.seen.precision, each.seen.recall)),
        )
    return table


def _share(value: float | None) -> str:
    return _ABSENT if value is None else plain_percent(value, 2)
