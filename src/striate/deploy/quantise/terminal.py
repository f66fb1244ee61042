"""A quantisation on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from striate.deploy.quantise.figures import ClassFigures, ValueFigures
from striate.support.grids import grid
from striate.support.text import printable
from striate.support.words import count, figure, plain_percent, points

if TYPE_CHECKING:
    from rich.console import Console

    from striate.deploy.quantise.quantise import QuantiseReport

_WORST = 5
"""Layers that are listed, those that lose most."""


def show(found: QuantiseReport, console: Console) -> None:
    """Print the figures of each engine, the speed, and the layers that lose most."""
    for note in found.notes:
        console.print(Text(f"note: {printable(note)}"), soft_wrap=True)
    console.print(Text(printable(str(found.file))), soft_wrap=True)
    console.print(
        f"{found.bytes / 1e6:.1f} MB instead of {found.float_bytes / 1e6:.1f} "
        f"({found.bytes / found.float_bytes:.2f}); {found.steps[-1].title}"
    )
    console.print(
        f"calibrated with {count(found.calibrated)} images, measured on "
        f"{count(found.figures[0].images)}; {processor(found)}"
    )
    console.print(_figures(found))
    if found.speeds:
        console.print(_speeds(found))
    console.print(_layers(found))
    if found.page is not None:
        console.print(Text(f"page: {printable(str(found.page))}"), soft_wrap=True)


def processor(found: QuantiseReport) -> str:
    """On what it was measured, in words."""
    kinds = {True: "with VNNI", False: "without VNNI", None: "no x86"}
    what = f"on {printable(found.processor)}, {kinds[found.vnni]}"
    if found.limits.target == "vnni":
        what += "; the file is for processors with VNNI alone"
        uncounted = [each.title for each in found.figures if not each.counted]
        return f"{what}, and {uncounted[0]} does not count here" if uncounted else what
    if found.vnni is False:
        return f"{what}: of those with VNNI only ONNX Runtime's sums could be measured"
    return what


def _figures(found: QuantiseReport) -> Table:
    values = [each for each in found.figures if isinstance(each, ValueFigures)]
    if values:
        return _of_values(values)
    return _of_classes([each for each in found.figures if isinstance(each, ClassFigures)])


def _of_values(figures: Sequence[ValueFigures]) -> Table:
    """A row an engine and target."""
    table = grid(["engine", "target"], ["difference", "of deviation", "error float", "int8"])
    for each in figures:
        for at, target in enumerate(each.targets):
            table.add_row(
                each.title if at == 0 else "",
                Text(printable(target.name)),
                figure(target.difference),
                plain_percent(target.of_deviation, 2),
                figure(target.float_mae),
                figure(target.mae),
            )
    return table


def _of_classes(figures: Sequence[ClassFigures]) -> Table:
    """A row an engine."""
    heads = ("agreement", "top-1 float", "int8", "lost", "interval", "loss float", "int8")
    table = grid(["engine"], heads, gap=1)
    for each in figures:
        low, high = map(points, each.interval)
        table.add_row(
            each.title,
            plain_percent(each.agreement, 2),
            plain_percent(each.float_top1, 2),
            plain_percent(each.top1, 2),
            points(each.lost),
            f"{low} to {high}",
            f"{each.float_loss:.4f}",
            f"{each.loss:.4f}",
        )
    return table


def _speeds(found: QuantiseReport) -> Table:
    table = grid(["processor time an image"], ["batch", "float", "int8", "ratio"])
    for each in found.speeds:
        table.add_row(
            each.engine,
            str(each.batch),
            f"{each.float_ms:.2f} ms",
            f"{each.ms:.2f} ms",
            f"{each.ratio:.2f}×",
        )
    return table


def _layers(found: QuantiseReport) -> Table:
    worst = sorted(found.layers, key=lambda each: each.own)[:_WORST]
    title = f"Of {count(len(found.layers))} layers, those that lose most"
    table = grid(["layer", ""], ["weights", "own", "gathered", "bits"], title=title)
    for each in worst:
        table.add_row(
            Text(printable(each.label)),
            each.title,
            count(each.weights),
            f"{each.own:.1f} dB",
            f"{each.gathered:.1f} dB",
            "float" if each.bits == 32 else str(each.bits),
        )
    return table
