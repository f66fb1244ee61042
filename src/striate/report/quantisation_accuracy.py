"""What 8 bits cost, on the page of a quantisation: of networks of classes, and of numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from markupsafe import Markup

from striate.deploy.quantise.figures import (
    ClassFigures,
    ClassLimits,
    Figures,
    ValueFigures,
    ValueLimits,
)
from striate.support.svg import Scale, element
from striate.support.words import exact_percent, figure, percent, points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from striate.deploy.quantise.guard import Step
    from striate.deploy.quantise.quantise import QuantiseReport


class Accuracy(ABC):
    """The parts of the page that say what it cost.

    Attributes:
        word: what it is, in one word.
        score: the number at the top, in per cent.
        caption: what it says.
        standing: a bar that both networks stand on.
        keys: of the bar: style, name, value.
        sentence: beside it.
        tile: title, number and what it means.
        limits: names and values.
        intro: above the table.
        columns: names of the table's columns, behind the first.
        rows: of the table: the first cell, and the others.
        readout: below the table.
        steps_readout: below the table of steps.
    """

    word: str
    score: str
    caption: str
    standing: Markup
    keys: Sequence[tuple[str, str, str]]
    sentence: str
    tile: tuple[str, str, str]
    limits: Sequence[tuple[str, str]]
    intro: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    readout: str
    steps_readout: str

    @abstractmethod
    def step(self, step: Step) -> list[tuple[str, str]]:
        """What a step gave in each engine: a number, and a smaller one."""


class OfClasses(Accuracy):
    """Agreement and top-1."""

    word = "agreement"
    keys = (("interval", "top-1 in 8 bits", ""), ("base", "top-1 in float", ""))
    intro = (
        "Both networks computed in the same engine, on the same images. A loss of top-1 is inside "
        "the limits up to what is allowed, and as long as its interval reaches zero."
    )
    columns = (
        "agreement", "top-1", "lost, points", "95 % interval", "allowed", "loss", "difference",
    )  # fmt: skip
    readout = (
        "From float to 8 bits. Loss: mean negative log likelihood, in nats. Difference: mean "
        "absolute difference of a probability."
    )
    steps_readout = "Agreement, and top-1 lost in points."

    def __init__(self, report: QuantiseReport) -> None:
        limits = report.limits
        assert isinstance(limits, ClassLimits)
        figures = _classes(report.figures)
        counted = _classes(report.counted)
        least = min(counted, key=lambda each: each.agreement)
        worst = max(counted, key=lambda each: each.lost)
        self.score = percent(least.agreement).removesuffix("%").strip()
        self.caption = f"of the images keep their likeliest class, in {least.title}"
        self.standing = _bar(
            worst.float_top1,
            worst.top1,
            f"Top-1 {percent(worst.float_top1, 2)} in float, {percent(worst.top1, 2)} in int8, "
            "between nothing and everything",
        )
        self.sentence = _lost_sentence(worst)
        self.tile = ("top-1 lost", points(worst.lost), "points, in the engine that loses most")
        self.limits = (
            ("top-1 lost", f"{100 * limits.drop:g} points"),
            ("agreement", exact_percent(limits.agreement)),
        )
        self.rows = [(each.title, _cells(each, limits)) for each in figures]

    def step(self, step: Step) -> list[tuple[str, str]]:
        """Agreement, and top-1 lost."""
        return [(percent(each.agreement, 2), points(each.lost)) for each in _classes(step.figures)]


class OfNumbers(Accuracy):
    """Differences of values, and mean absolute errors."""

    word = "difference"
    intro = (
        "Both networks computed in the same engine, on the same images. A difference is the mean "
        "over images of how far the values of the two lie apart."
    )
    columns = ("target", "difference", "of a deviation", "mean absolute error")
    readout = (
        "In the targets\u2019 own units, errors from float to 8 bits. A deviation is the standard "
        "deviation of a target among the training images."
    )
    steps_readout = "Mean difference of a value, in deviations of its target."

    def __init__(self, report: QuantiseReport) -> None:
        limits = report.limits
        assert isinstance(limits, ValueLimits)
        most = max(_values(report.counted), key=lambda each: each.difference)
        self.score = percent(most.difference, 2).removesuffix("%").strip()
        self.caption = f"of a deviation is the mean difference of a value, in {most.title}"
        first = most.targets[0]
        whole = max(first.float_mae, first.mae) or 1.0
        self.standing = _bar(
            first.float_mae / whole,
            first.mae / whole,
            f"Mean absolute error of {first.name}: {figure(first.float_mae)} in float, "
            f"{figure(first.mae)} in int8",
        )
        told = [
            f"{each.name} {figure(each.float_mae)} → {figure(each.mae)}" for each in most.targets
        ]
        self.sentence = (
            f"Mean absolute error from float to 8 bits, in {most.title}: {'; '.join(told)}."
        )
        self.keys = (("interval", f"error of {first.name} in 8 bits", ""), ("base", "in float", ""))
        self.tile = (
            "difference",
            percent(most.difference, 2),
            "of a deviation, in the engine that differs most",
        )
        self.limits = (("difference", f"{exact_percent(limits.difference)} of a deviation"),)
        self.rows = [
            (
                each.title if at == 0 else "",
                (
                    target.name,
                    figure(target.difference),
                    percent(target.of_deviation, 2),
                    f"{figure(target.float_mae)} \u2192 {figure(target.mae)}",
                ),
            )
            for each in _values(report.figures)
            for at, target in enumerate(each.targets)
        ]

    def step(self, step: Step) -> list[tuple[str, str]]:
        """The difference."""
        return [(percent(each.difference, 2), "") for each in _values(step.figures)]


def accuracy_of(report: QuantiseReport) -> Accuracy:
    """What `report` says of its cost."""
    numbers = isinstance(report.limits, ValueLimits)
    return OfNumbers(report) if numbers else OfClasses(report)


def _classes(figures: Sequence[Figures]) -> list[ClassFigures]:
    return [each for each in figures if isinstance(each, ClassFigures)]


def _values(figures: Sequence[Figures]) -> list[ValueFigures]:
    return [each for each in figures if isinstance(each, ValueFigures)]


def _lost_sentence(worst: ClassFigures) -> str:
    low, high = (points(end) for end in worst.interval)
    said = (
        f"No engine loses top-1; {worst.title} comes nearest with {points(worst.lost)} points lost"
    )
    if worst.lost > 0:
        said = f"At most, top-1 loses {100 * worst.lost:.2f} points, in {worst.title}"
    return f"{said} (95 % interval of the same images in both networks: {low} to {high})."


def _cells(each: ClassFigures, limits: ClassLimits) -> tuple[str, ...]:
    low, high = each.interval
    return (
        percent(each.agreement, 2),
        f"{percent(each.float_top1, 2)} \u2192 {percent(each.top1, 2)}",
        points(each.lost),
        f"{points(low)} to {points(high)}",
        f"{100 * limits.allowed(each):.2f}" if each.counted else "not held",
        f"{each.float_loss:.4f} \u2192 {each.loss:.4f}",
        figure(each.difference, 2),
    )


def _bar(before: float, after: float, words: str) -> Markup:
    """Two shares on a bar from nothing to everything."""
    across = Scale(low=0, high=1, start=0, end=1000)
    was, now = across(before), across(after)
    return element(
        "svg",
        element("rect", x=0, y=11, width=1000, height=8, class_="track"),
        element("rect", x=0, y=11, width=now, height=8, class_="upto"),
        element("rect", x=max(was - 1.5, 0), y=3, width=3, height=24, class_="base"),
        element("rect", x=max(now - 1.5, 0), y=3, width=3, height=24, class_="at"),
        viewBox="0 0 1000 30",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )
