"""An evaluation on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import plain_percent, plain_span

if TYPE_CHECKING:
    from rich.console import Console

    from striate.evaluation.metrics import Evaluation
    from striate.evaluation.temperature import Scaling

#: Of more classes, those with the lowest F1 are listed.
_MOST_ROWS = 30
#: Classes among which the right one has to be.
_TOP = 5


def show(found: Evaluation, console: Console) -> None:
    """Print the figures, and a table of the classes."""
    low, high = found.interval
    skipped = [f"skipped {file}: {reason}" for file, reason in found.skipped]
    for note in (*skipped, *found.notes):
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    console.print(f"{found.images:,} images of {len(found.classes):,} classes")
    console.print(f"top-1     {_share(found.top1)}  (95 % interval {plain_span(low, high, 2)})")
    if len(found.classes) > _TOP:  # else it can be nothing but 100 %
        console.print(f"top-5     {_share(found.top5)}")
    console.print(f"baseline  {_share(found.baseline)}  (always the commonest class)")
    console.print(f"loss      {found.loss:8.4f}")
    console.print(f"ece       {found.ece:8.4f}  (expected calibration error)")
    if found.scaling is not None and found.scaling.used != 1:
        console.print(f"          {_calibrated(found.scaling)}")
    console.print(f"balanced  {_share(found.balanced)}  (mean recall of the classes)")
    both = f"{found.macro_f1:8.4f}  {found.mcc:.4f}"
    console.print(f"F1, MCC   {both}  (mean of the classes; Matthews' coefficient)")
    areas = f"{found.ranking.mean.average_precision:8.4f}  {found.ranking.mean.roc_area:.4f}"
    console.print(f"areas     {areas}  (precision-recall and ROC, mean of the classes)")
    if line := _coverage(found):
        console.print(line)
    rows = list(found.per_class)
    title = ""
    if len(rows) > _MOST_ROWS:
        rows = sorted(rows, key=lambda each: each.f1)[:_MOST_ROWS]
        title = f"The {_MOST_ROWS} classes with the lowest F1"
    table = grid(["class"], ["images", "precision", "recall", "F1"], title=title)
    for each in rows:
        # Text, since a class may be named [red].
        table.add_row(
            Text(printable(each.name)),
            f"{each.images:,}",
            plain_percent(each.precision, 2),
            plain_percent(each.recall, 2),
            plain_percent(each.f1, 2),
        )
    console.print(table)


def _share(value: float) -> str:
    return f"{plain_percent(value, 2):>8}"


def _calibrated(scaling: Scaling) -> str:
    """What a calibrated run's error was before and, of images not fitted to, is now."""
    crossed = f", {scaling.after.ece:.4f} cross-fitted" if scaling.crossed else ""
    return f"{scaling.before.ece:.4f} before calibration (temperature {scaling.used:.3g}){crossed}"


def _coverage(found: Evaluation) -> str:
    """From which probability on answers can be relied on, and how many there are."""
    wanted = next((each for each in (0.95, 0.99) if found.top1 < each), None)
    point = None if wanted is None else found.ranking.threshold_for(wanted)
    if point is None:
        return ""
    return (
        f"coverage  {_share(point.coverage)}  (with a probability of {point.threshold:g} or more; "
        f"{plain_percent(point.accuracy, 2)} right)"
    )
