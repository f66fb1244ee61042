"""``striate detect``: boxes in pictures and videos."""

from __future__ import annotations

import json
import sys
from collections import Counter
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

#: Takes away what stands in the last line of a terminal.
_CLEAR = "\r\x1b[2K"


@command(DetectOptions, output=("--output", "-o"))
def detect(given: Given, skip_bad: SkipBad = False, as_json: AsJson = False) -> None:
    """Find boxes in pictures and videos, with classes and scores.

    The file of weights is all that is needed. Boxes are in pixels; what decided about them is told
    first. A file that cannot be read is named in its place; then the exit status is 2.
    """
    from striate import api

    found = api.detect(**given, stream=True, progress=True)
    bad = number = 0
    table = _Table()
    try:
        for number, each in enumerate(found, start=1):
            if number == 1:
                _begin(each.settings, as_json=as_json)
            if as_json:
                text = json.dumps(each.to_json(), allow_nan=False)
                print(("" if number == 1 else ",\n") + text, end="", flush=True)
            else:
                table.add(each)
            if each.error:
                _complain(each)
            bad += bool(each.error)
        table.end()
    finally:
        if as_json and number:  # one document, even where it was cut short
            print("\n]}")
    if bad:
        if number > 1:
            print(
                f"striate: {bad:,} of {number:,} images cannot be read", file=sys.stderr, flush=True
            )
        if not skip_bad:
            raise click.exceptions.Exit(2)


class _Table:
    """What people read: pictures as they come, a video once it has ended."""

    def __init__(self) -> None:
        self._video: _Video | None = None

    def add(self, each: Detections) -> None:
        """Print a picture, or count a frame."""
        if self._video is not None and not self._video.goes_on(each):
            self.end()
        if each.error:
            return
        if each.frame is None:
            _show(each)
            return
        self._video = self._video or _Video(each.file)
        self._video.add(each)

    def end(self) -> None:
        """Print the video whose frames came last."""
        if self._video is not None:
            self._video.show()
        self._video = None


class _Video:
    """What was found in a video, in a few lines."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.last: Detections | None = None
        self.frames = 0
        self.shown: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def goes_on(self, each: Detections) -> bool:
        """Whether `each` is another of this video's frames."""
        return bool(each.frame) and each.file == self.file and not each.error

    def add(self, each: Detections) -> None:
        """Count a frame."""
        boxes = Counter(each.labels)
        self.last, self.frames = each, self.frames + 1
        self.shown.update(boxes.keys())
        self.most |= boxes

    def show(self) -> None:
        """Print it."""
        from striate.support.text import printable

        assert self.last is not None
        height, width = self.last.size
        frames = "1 frame" if self.frames == 1 else f"{self.frames:,} frames"
        picture = f" -> {printable(self.last.picture)}" if self.last.picture else ""
        found = "" if self.shown else ", no boxes"
        _clear()
        print(f"{printable(self.file)}: {width}×{height}, {frames}{found}{picture}", flush=True)
        if not self.shown:
            return
        labels = {label: printable(label) for label, _ in self.shown.most_common()}
        from striate.support.text import columns

        wide = max(5, *(columns(label) for label in labels.values()))
        print(f"  {'class':<{wide}}  frames  most in one")
        for label, text in labels.items():
            space = " " * (wide - columns(text))
            print(f"  {text}{space} {self.shown[label]:>7,} {self.most[label]:>12,}")


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
    _clear()
    print(each.summary(), flush=True)


def _complain(each: Detections) -> None:
    """Why a picture, or what is left of a video, cannot be read."""
    from striate.support.text import printable

    begin = _CLEAR if sys.stderr.isatty() else ""  # a count may stand there
    line = f"striate: {printable(each.file)}: {printable(each.error)}"
    print(begin + line, file=sys.stderr, flush=True)


def _clear() -> None:
    """Take away the count, where results appear in its place."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        print(_CLEAR, end="")
