"""``striate detect``: boxes in pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import click

from striate.cli.flags import Flag
from striate.cli.options import AsJson, Given, command
from striate.detection.options import DetectOptions

if TYPE_CHECKING:
    from striate.detection.boxes import Detections

SkipBad = Annotated[
    bool,
    Flag(("--skip-bad",), "Exit with 0 even if files cannot be read; they are named."),
]


@command(DetectOptions, output=("--output", "-o"))
def detect(given: Given, skip_bad: SkipBad = False, as_json: AsJson = False) -> None:
    """Find boxes in pictures, with classes and scores.

    The file of weights is all that is needed. Boxes are in pixels; what decided about them is told
    first. A file that cannot be read is named in its place; then the exit status is 2.
    """
    from striate import api

    # Where the results themselves appear, a count between them would only disturb.
    found = api.detect(**given, stream=True, progress=as_json or not sys.stdout.isatty())
    bad = number = 0
    try:
        for number, each in enumerate(found, start=1):
            if number == 1:
                _begin(each.settings, as_json=as_json)
            if as_json:
                text = json.dumps(each.to_json(), allow_nan=False)
                print(("" if number == 1 else ",\n") + text, end="", flush=True)
            if each.error or not as_json:
                _show(each)
            bad += bool(each.error)
    finally:
        if as_json and number:  # one document, even where it was cut short
            print("\n]}")
    if bad:
        if number > 1:
            print(f"striate: {bad:,} of {number:,} images cannot be read", file=sys.stderr)
        if not skip_bad:
            raise click.exceptions.Exit(2)


def _begin(settings: Mapping[str, Any], *, as_json: bool) -> None:
    """What decided about the boxes."""
    if settings.get("names") == "numbered":
        hint = "striate: the weights hold no names of classes; give --names FILE, a name a line"
        print(hint, file=sys.stderr)
    if as_json:
        print(f'{{"settings": {json.dumps(dict(settings))},\n"images": [')
        return
    from striate.support.text import printable

    height, width = settings["size"]
    origin = settings.get("published")
    told = f"the published {origin}" if origin else f"{settings['layout']}'s layout"
    scales = ", ".join(f"{each:g}" for each in dict.fromkeys(settings["scales"]))
    print(
        printable(
            f"{settings['network']}: {told}, {settings['classes']} classes, {width}×{height} "
            f"{settings['fit']}, {settings['sizes']} sizes, scale {scales}, epsilon "
            f"{settings['epsilon']:g}; threshold {settings['threshold']:g}, "
            f"{settings['nms']} {settings['iou']:g}"
        )
    )


def _show(each: Detections) -> None:
    """A picture and its boxes, whatever it and the classes are called."""
    from striate.support.text import printable

    if each.error:
        begin = "\r\x1b[2K" if sys.stderr.isatty() else ""  # a count may stand there
        line = f"striate: {printable(each.file)}: {printable(each.error)}"
        print(begin + line, file=sys.stderr, flush=True)
        return
    count = len(each.boxes)
    print(
        f"{printable(each.file)}: {each.size[1]}×{each.size[0]}, "
        f"{'no boxes' if not count else '1 box' if count == 1 else f'{count} boxes'}"
        + (f" -> {printable(each.picture)}" if each.picture else ""),
        flush=True,
    )
    if not count:
        return
    labels = [printable(label) for label in each.labels]
    wide = max(5, *(_cells(label) for label in labels))
    print(f"  {'class':<{wide}}  score   left    top  right bottom")
    for label, score, box in zip(labels, each.boxes.scores, each.boxes.xyxy, strict=True):
        sides = " ".join(f"{each:6.0f}" for each in box)
        print(f"  {label}{' ' * (wide - _cells(label))} {score:>6.1%} {sides}")


def _cells(text: str) -> int:
    """Columns that `text` takes in a terminal, where Chinese characters take two."""
    from rich.cells import cell_len

    return cell_len(text)
