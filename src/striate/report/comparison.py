"""The page of a comparison: figures, learning curves, images on which they differ, settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from markupsafe import Markup

from striate.data.scan import threads
from striate.evaluation.comparing.terminal import counts, headline, verdict
from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.pages import rendered
from striate.report.pictures import LARGE, encoded
from striate.support.files import output_file, write_text
from striate.support.prefetch import prefetch
from striate.support.svg import Scale, element
from striate.support.words import exact_percent, figure, percent, plural, points

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.evaluation.comparing.comparison import RunComparison

#: Styles of lines; of more runs the first have curves.
STYLES = ("val", "train", "aux1", "aux2", "top5", "more1", "more2", "more3")
MOST_PICTURES = 96
"""Images on which they differ that are shown, shared among the kinds of them."""
LEAST_OF_A_KIND = 6


class HasCurve(Protocol):
    """One of those that are compared, with its learning curve."""

    @property
    def name(self) -> str:
        """What tells it from the others."""

    @property
    def curve(self) -> Sequence[tuple[int, float, float]]:
        """(epoch, figure, loss) of each epoch that was validated."""


def check_page(output: str | Path) -> None:
    """Refuse a page that cannot be written, before any work.

    Raises:
        RunError: it is no HTML file, or cannot be written there.
    """
    output_file(output, ".html")


def write_comparison(found: RunComparison, output: str | Path) -> Path:
    """Write the page of `found` into the file `output`; returns its path.

    Raises:
        RunError: it cannot be written.
        DataError: an image has gone since it was opened.
    """
    return write_text(output, render(found))


def render(found: RunComparison) -> str:
    """The page as HTML. The same comparison gives the same bytes."""
    curves = _curves(found)
    groups = _groups(found)
    sections = [
        ("result", "Result"),
        ("learning", "Learning") if curves else None,
        ("images", "Images"),
        ("classes", "Classes"),
        ("settings", "Settings") if found.settings else None,
    ]
    return rendered(
        "comparison.html",
        page={
            "sections": [section for section in sections if section],
            "title": " against ".join(each.name for each in found.compared[:2])
            if len(found.compared) == 2
            else plural(len(found.compared), "run"),
            "lead": _lead(found),
            "notes": found.notes,
        },
        names=[each.name for each in found.compared],
        rows=[_row(found, place) for place in range(len(found.compared))],
        pairs=[_pair(found, place) for place in range(len(found.pairs))],
        curves=curves,
        without=[each.name for each in found.compared if not each.curve],
        groups=groups,
        pixel_art=found.images is not None and found.images.largest_side <= 64,
        classes=_classes(found),
        settings=found.settings,
        charts={key: chart.hover for _, key, chart in curves},
        cells={"cells": {}, "classes": [], "pixels": False},
    )


def _lead(found: RunComparison) -> str:
    return (
        f"Measured on the same {plural(len(found.labels), 'image')} of "
        f"{plural(len(found.classes), 'class', 'classes')}, on which none of the runs was trained."
    )


def _row(found: RunComparison, place: int) -> dict[str, Any]:
    """Figures of one, and where it stands between nothing and everything."""
    each = found.compared[place]
    low, high = each.interval
    across = Scale(low=0, high=1, start=0, end=1000)
    standing = element(
        "svg",
        element("rect", x=0, y=11, width=1000, height=8, class_="track"),
        element("rect", x=0, y=11, width=across(each.top1), height=8, class_="upto"),
        element(
            "rect",
            x=across(low),
            y=7,
            width=max(across(high) - across(low), 3),
            height=16,
            class_="range",
        ),
        element("rect", x=max(across(each.top1) - 1.5, 0), y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return {
        "name": each.name,
        "network": each.network,
        "path": str(each.path),
        "top1": each.top1,
        "interval": f"{percent(low)} to {percent(high)}",
        "standing": standing,
        "right": int(found.right[place].sum()),
    }


def _pair(found: RunComparison, place: int) -> dict[str, Any]:
    pair = found.pairs[place]
    most = max(abs(end) for each in found.pairs for end in (*each.interval, 0.01))
    return {
        "headline": headline(found, pair),
        "counts": counts(found, pair),
        "verdict": verdict(found, pair),
        "decided": pair.adjusted < 0.05,
        "difference": points(pair.difference),
        "standing": difference(
            pair.difference,
            pair.interval,
            most,
            f"{points(pair.difference)} points, between {points(pair.interval[0])} and "
            f"{points(pair.interval[1])}",
        ),
    }


def difference(value: float, interval: tuple[float, float], most: float, words: str) -> Markup:
    """A difference with its interval on a line from -`most` to `most`; `words` say the same."""
    across = Scale(low=-most, high=most, start=10, end=990)
    low, high = map(across, interval)
    return element(
        "svg",
        element("rect", x=0, y=13, width=1000, height=4, class_="track"),
        element("rect", x=low, y=7, width=max(high - low, 3), height=16, class_="range"),
        element("rect", x=498.5, y=3, width=3, height=24, class_="base"),
        element("rect", x=across(value) - 1.5, y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )


def _curves(found: RunComparison) -> list[tuple[str, str, Chart]]:
    """(title, key, chart) of validation accuracy and loss, one line a run."""
    how = {
        "show": percent,
        "tick": exact_percent,
        "high": 1.0,
    }
    return curves_of(found.compared, "accuracy", how)


def curves_of(
    compared: Sequence[HasCurve], figure_name: str, how: Mapping[str, Any]
) -> list[tuple[str, str, Chart]]:
    """(title, key, chart) of a figure of the validation images and their loss, one line a run.

    Args:
        compared: of which those without a curve have no line.
        figure_name: what the figure is called.
        how: its axis is scaled and labelled, beyond what all have.
    """
    trained = [each for each in compared if each.curve][: len(STYLES)]
    epochs = sorted({int(epoch) for each in trained for epoch, _, _ in each.curve})
    if not epochs:
        return []

    def lines(column: int) -> list[Series]:
        return [
            Series(
                name=each.name,
                style=style,
                values=[
                    {point[0]: point[column] for point in each.curve}.get(epoch) for epoch in epochs
                ],
            )
            for each, style in zip(trained, STYLES, strict=False)
        ]

    def axes(label: str, **more: Any) -> Axes:
        names = [f"epoch {epoch}" if epoch else "before training" for epoch in epochs]
        return Axes(label=label, x=epochs, x_names=names, x_title="epoch", **more)

    losses = [point[2] for each in trained for point in each.curve if _sound(point[2])]
    wide = bool(losses) and max(losses) / min(losses) > 30
    shown = axes(f"Validation {figure_name} over the epochs", **how)
    loss = axes("Validation loss over the epochs", show=figure, log=wide, low=None if wide else 0.0)
    return [
        (f"Validation {figure_name}", figure_name, line_chart(lines(1), shown)),
        ("Validation loss", "loss", line_chart(lines(2), loss)),
    ]


def _sound(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _groups(found: RunComparison) -> list[dict[str, Any]]:
    """Images on which they differ, by which of them are right; the surest mistakes first."""
    right = found.right
    kinds: dict[tuple[bool, ...], list[int]] = {}
    for index in found.differing.tolist():
        kinds.setdefault(tuple(right[:, index].tolist()), []).append(index)
    ordered = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    most = max(MOST_PICTURES // max(len(kinds), 1), LEAST_OF_A_KIND)
    sources = pictures_of(
        found.images, [index for _, indices in ordered for index in indices[:most]]
    )
    return [
        {
            "title": _right_in(found, kind),
            "images": len(indices),
            "shown": [_image(found, index, sources.get(index)) for index in indices[:most]],
        }
        for kind, indices in ordered
    ]


def _right_in(found: RunComparison, right: Sequence[bool]) -> str:
    names = [each.name for each, is_right in zip(found.compared, right, strict=True) if is_right]
    return f"Right in {', '.join(names)} only"


def pictures_of(images: ImageSet | None, indices: Sequence[int]) -> dict[int, str]:
    """Pictures of images by their number; none where the images are not at hand."""
    if images is None:
        return {}
    encoding = prefetch(
        lambda index: encoded(images.read(index, 3), LARGE),
        indices,
        workers=threads(None),
        ahead=threads(None),  # photographs are large
        name="striate-pictures",
    )
    return dict(zip(indices, encoding, strict=True))


def _image(found: RunComparison, index: int, source: str | None) -> dict[str, Any]:
    return {
        "source": source,
        "name": str(found.names[index]),
        "file": PurePath(found.names[index]).name,
        "class": found.classes[found.labels[index]],
        "answers": [
            {
                "run": each.name,
                "class": found.classes[found.predicted[place, index]],
                "probability": float(found.confidence[place, index]),
                "right": bool(found.right[place, index]),
            }
            for place, each in enumerate(found.compared)
        ],
    }


def _classes(found: RunComparison) -> list[dict[str, Any]]:
    """Recall of each class in each run, the classes with the greatest spread first."""
    counts_of = np.bincount(found.labels, minlength=len(found.classes))
    hits = np.stack(
        [np.bincount(found.labels[own], minlength=len(found.classes)) for own in found.right]
    )
    rows = [
        {
            "name": name,
            "images": int(counts_of[place]),
            "recalls": (hits[:, place] / counts_of[place]).tolist(),
        }
        for place, name in enumerate(found.classes)
        if counts_of[place]
    ]
    return sorted(rows, key=lambda row: min(row["recalls"]) - max(row["recalls"]))
