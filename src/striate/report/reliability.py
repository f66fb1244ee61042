"""How far a network's probabilities can be taken at their word: a diagram, and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from striate.evaluation.metrics import CalibrationBin, Evaluation
from striate.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from striate.support.svg import Scale, element, path
from striate.support.words import figure, percent, plural


def diagrams(evaluation: Evaluation) -> list[tuple[str, Markup]]:
    """(what it is of, diagram): of the probabilities and, where they can be better, of better ones.

    Of a calibrated run that is the network's own probabilities and, if they were cross-fitted, the
    calibrated ones.
    """
    found = evaluation.scaling
    if found is None or (found.used == 1 and not found.helps):
        return [("", diagram(evaluation.calibration))]
    calibrated = "calibrated" if found.used != 1 else "if it were calibrated"
    crossed = ", cross-fitted" if found.crossed else ""
    return [
        ("as the network gives it", diagram(found.before.bins)),
        (f"{calibrated}{crossed}", diagram(found.after.bins)),
    ]


def diagram(bins: Sequence[CalibrationBin]) -> Markup:
    """Accuracy over confidence; bars as wide as the bins, their strength the share of images."""
    across = Scale(low=0, high=1, start=LEFT, end=RIGHT)
    up = Scale(low=0, high=1, start=BOTTOM, end=TOP)
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y, x = up(share), across(share)
        label = f"{100 * share:.0f}"
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", label, x=LEFT - 7, y=y + 3.5, class_="tick end"))
        parts.append(element("text", label, x=x, y=BOTTOM + 15, class_="tick mid"))
    most = max(b.images for b in bins)
    for held in bins:
        if not held.images:
            continue
        x, width = across(held.low) + 1, across(held.high) - across(held.low) - 2
        words = (
            f"confidence {percent(held.low, 0)} to {percent(held.high, 0)}: "
            f"{plural(held.images, 'image')}, {percent(held.accuracy)} right, "
            f"mean confidence {percent(held.confidence)}"
        )
        parts.append(
            element(
                "rect",
                element("title", words),
                x=x,
                y=up(held.accuracy),
                width=width,
                height=max(BOTTOM - up(held.accuracy), 1.5),
                fill_opacity=f"{0.25 + 0.75 * (held.images / most) ** 0.5:.2f}",
                class_="bin",
            )
        )
        y = up(held.confidence)
        parts.append(element("line", x1=x, x2=x + width, y1=y, y2=y, class_="wanted"))
    diagonal = path([(LEFT, BOTTOM), (RIGHT, TOP)])
    parts.append(element("path", d=diagonal, class_="level"))
    title = "confidence, %"
    parts.append(element("text", title, x=(LEFT + RIGHT) / 2, y=HEIGHT - 2, class_="tick mid"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label="Reliability: accuracy over confidence",
        class_="chart",
    )


def trust(evaluation: Evaluation) -> str:
    """How well confidence agrees with accuracy, in a sentence."""
    confidence = sum(b.images * b.confidence for b in evaluation.calibration) / evaluation.images
    gap = confidence - evaluation.top1
    figures = (
        f"Its mean confidence is {percent(confidence)}, its accuracy {percent(evaluation.top1)}"
    )
    if abs(gap) < 0.02:
        return f"{figures}: it is well calibrated."
    size = "a little" if abs(gap) < 0.06 else "clearly" if abs(gap) < 0.15 else "far"
    return f"{figures}: {size} {'over-confident' if gap > 0 else 'under-confident'}."


def advice(evaluation: Evaluation) -> str:
    """What calibrating did to the probabilities, or would do to them; empty for nothing."""
    found = evaluation.scaling
    if found is None or (found.used == 1 and not found.helps):
        return ""
    before, after = percent(found.before.ece), percent(found.after.ece)
    judged = ", each image judged by a temperature fitted to others" if found.crossed else ""
    if found.used != 1:
        return (
            f"It is calibrated by the temperature {figure(found.used)}, which took the expected "
            f"calibration error from {before} to {after}{judged}."
        )
    return (
        f"A temperature of {figure(found.fitted)} would bring the expected calibration error from "
        f"{before} to {after}{judged}, and leave every predicted class as it is:"
    )
