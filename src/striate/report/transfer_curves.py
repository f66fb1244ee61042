"""What more images, or fewer frozen stages, would give a transferred network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from striate.report.charts import Axes, Chart, Series, line_chart
from striate.support.words import count, exact_percent, percent, plural, points

TITLES = {"softmax": "softmax regression", "svm": "linear SVM", "svm-rbf": "Gaussian SVM"}
_STYLES = {"softmax": "val", "svm": "train", "svm-rbf": "aux2"}


def images_chart(sizes: Sequence[Mapping[str, Any]]) -> Chart:
    """Accuracy of every kind of head over the training images a class."""
    xs = [round(100 * math.log10(size["images"])) for size in sizes]
    kinds = [kind for kind in TITLES if any(kind in size["accuracy"] for size in sizes)]
    series = [
        Series(
            name=TITLES[kind],
            style=_STYLES[kind],
            values=[size["accuracy"].get(kind) for size in sizes],
        )
        for kind in kinds
    ]
    shares = [share for size in sizes for share in size["accuracy"].values()]
    # Ticks that would run into one another are left out; the ends stay.
    ticks: list[tuple[int, str]] = []
    for x, size in zip(xs, sizes, strict=True):
        if not ticks or x - ticks[-1][0] > (xs[-1] - xs[0]) / 12:
            ticks.append((x, count(size["images"])))
    axes = Axes(
        label="Accuracy by training images a class",
        x=xs,
        x_names=[f"{count(size['images'])} a class" for size in sizes],
        x_title="training images a class",
        x_ticks=ticks,
        show=percent,
        tick=exact_percent,
        **share_range(shares),
    )
    return line_chart(series, axes)


def by_images_sentence(sizes: Sequence[Mapping[str, Any]], kind: str) -> str:
    """What more images would give a head of that kind."""
    held = [(size["images"], size["accuracy"][kind]) for size in sizes if kind in size["accuracy"]]
    first, last = held[0], held[-1]
    said = (
        f"With {plural(first[0], 'image')} a class the {TITLES[kind]} classifies "
        f"{percent(first[1])} correctly, with all there are {percent(last[1])}."
    )
    if len(held) > 1:
        gain = last[1] - held[-2][1]
        more = (
            "more images would still help"
            if gain > 0.01
            else "more images of the same sort would hardly help"
        )
        said += (
            f" The last step, from {count(held[-2][0])} to {count(last[0])}, gave "
            f"{points(gain, 1)} points: {more}."
        )
    return said


def stages_chart(found: Mapping[str, Any]) -> Chart:
    """Accuracy over the number of frozen stages, a line a number of images."""
    styles = ("train", "val", "aux2")
    series = [
        Series(
            name=f"{count(line['images'])} images a class",
            style=styles[number % 3],
            values=line["accuracy"],
        )
        for number, line in enumerate(found["curves"])
    ]
    frozen = found["frozen"]
    axes = Axes(
        label="Accuracy by frozen stages",
        x=frozen,
        x_names=[
            f"{plural(each, 'stage')} frozen" if each < frozen[-1] else "all frozen"
            for each in frozen
        ],
        x_title="frozen stages, from the input",
        x_ticks=[(each, str(each) if each < frozen[-1] else "all") for each in frozen],
        show=percent,
        tick=exact_percent,
        **share_range([share for line in found["curves"] for share in line["accuracy"]]),
    )
    return line_chart(series, axes)


def by_stages_sentence(found: Mapping[str, Any]) -> str:
    """How many frozen stages did best, and how sure that is."""
    said = []
    for line in found["curves"]:
        best = max(range(len(line["accuracy"])), key=line["accuracy"].__getitem__)
        last = best == len(found["frozen"]) - 1
        where = "all stages" if last else plural(found["frozen"][best], "stage")
        said.append(f"of {count(line['images'])} images a class, with {where} frozen")
    return (
        f"Training made the most {', and '.join(said)}. Each point was trained for "
        f"{found['epochs']} epochs and judged on {plural(found['judged'], 'image')}: look at the "
        "tendency, not at single points."
    )


def share_range(shares: Sequence[float]) -> dict[str, Any]:
    """Ends and ticks of an axis of shares that shows their differences."""
    low, high = min(shares), max(shares)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / s <= 6 or s == 0.2)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = [round(i * step, 3) for i in range(first, last + 1)]
    return {"low": ticks[0], "high": ticks[-1], "ticks": ticks}
