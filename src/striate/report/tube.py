"""The histogram of training images about the tube of support vector regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from striate.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from striate.support.svg import Scale, element, round_steps, whole_steps
from striate.support.words import count, figure, plural


def tube_chart(tube: Mapping[str, Any], deviation: float, unit: str) -> Markup:
    """Training images by how far off their prediction is, with the tube's edges marked.

    Args:
        tube: as ``transfer.json`` has it, in standard deviations.
        deviation: of the target.
        unit: with a space before it; empty for none.
    """
    edges = [edge * deviation for edge in tube["edges"]]
    counts, epsilon = tube["counts"], tube["epsilon"] * deviation
    held = [at for at, images in enumerate(counts) if images]
    # The tube is seen whole, and nothing where there is nothing.
    inside = [at for at, low in enumerate(edges[:-1]) if abs(low) <= 2 * epsilon]
    first, last = min(held + inside), max(held + inside) + 1
    across = Scale(low=edges[first], high=edges[last], start=LEFT, end=RIGHT)
    up = Scale(low=0, high=max(counts), start=BOTTOM, end=TOP)
    parts = []
    for images in whole_steps(0, max(counts), 4):
        y = up(images)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", count(images), x=LEFT - 7, y=y + 3.5, class_="tick end"))
    for at in range(first, last):
        low, high, images = edges[at], edges[at + 1], counts[at]
        middle = abs(low + high) / 2
        said = f"{figure(low, 2)} to {figure(high, 2)}{unit}: {plural(images, 'image')}"
        parts.append(
            element(
                "rect",
                element("title", said),
                x=across(low) + 0.6,
                y=up(images),
                width=max(across(high) - across(low) - 1.2, 0.5),
                height=BOTTOM - up(images),
                class_=f"margin {'within' if middle < epsilon else 'beyond'}",
            )
        )
    for value, words in ((-epsilon, "−ε"), (epsilon, "+ε")):
        x = across(value)
        parts.append(element("line", x1=x, x2=x, y1=TOP, y2=BOTTOM, class_="mark"))
        parts.append(element("text", words, x=x, y=TOP - 3, class_="note mid"))
    for step in round_steps(edges[first], edges[last]):
        label = figure(step, 2)
        parts.append(element("text", label, x=across(step), y=BOTTOM + 15, class_="tick mid"))
    title = f"predicted less true value{f', in{unit}' if unit else ''}"
    parts.append(element("text", title, x=(LEFT + RIGHT) / 2, y=HEIGHT - 2, class_="tick mid"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label="Training images about the tube",
        class_="chart",
    )
