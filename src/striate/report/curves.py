"""The figures of training: losses, accuracies, learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from striate.recipes.recipe import Recipe
from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.inputs import PageInputs, ReportInputs
from striate.support.words import count, exact_percent, figure, percent


def axes_of(inputs: PageInputs, **more: Any) -> Axes:
    """Axes over the epochs, on which that of the chosen weights is marked."""
    epochs = [int(line["epoch"]) for line in inputs.judged]
    return Axes(
        x=epochs,
        x_names=[f"epoch {epoch}" if epoch else "before training" for epoch in epochs],
        x_title="epoch",
        mark=inputs.weights_epoch,
        mark_name="chosen weights",
        **more,
    )


def column(lines: Sequence[Mapping[str, Any]], part: str, key: str) -> list[float | None]:
    """A figure of the training or validation part of each of `lines`."""
    return [line.get(part, {}).get(key) for line in lines]


def losses(inputs: PageInputs) -> Chart:
    """Training loss (main and auxiliary) and validation loss, on a log scale if they span much."""
    lines = inputs.judged
    auxiliary = [line.get("train", {}).get("auxiliary") or () for line in lines]
    heads = max(map(len, auxiliary), default=0)
    series = [
        Series(
            name=f"auxiliary head {head + 1}",
            style=f"aux{head % 2 + 1}",
            values=[each[head] if each else None for each in auxiliary],
        )
        for head in range(heads)
    ]
    main = "main" if heads else "loss"
    series.append(
        Series(
            name="training, main head" if heads else "training",
            style="train",
            values=column(lines, "train", main),
        )
    )
    series.append(
        Series(name="validation", style="val", values=column(lines, "validation", "loss"))
    )
    known = [v for s in series for v in s.values if v is not None and math.isfinite(v) and v > 0]
    wide = bool(known) and max(known) / min(known) > 30
    axes = axes_of(inputs, label="Loss over the epochs", log=wide, low=None if wide else 0.0)
    return line_chart(series, axes)


def accuracies(inputs: ReportInputs) -> Chart:
    """Top-1 on training and validation images, and top-5 where it means anything."""
    lines = inputs.judged
    series = [
        Series(name="training top-1", style="train", values=column(lines, "train", "top1")),
        Series(name="validation top-1", style="val", values=column(lines, "validation", "top1")),
    ]
    if len(inputs.evaluation.classes) > 5:
        top5 = column(lines, "validation", "top5")
        series.insert(0, Series(name="validation top-5", style="top5", values=top5))
    known = [v for s in series for v in s.values if v is not None and math.isfinite(v)]
    known.append(inputs.evaluation.baseline)
    low = math.floor(min(known) * 10) / 10
    axes = axes_of(
        inputs,
        label="Accuracy over the epochs",
        show=percent,
        tick=exact_percent,
        low=low,
        high=1.0,
        level=inputs.evaluation.baseline,
        level_name="majority baseline",
        ticks=_percent_ticks(low),
    )
    return line_chart(series, axes)


def _percent_ticks(low: float) -> list[float]:
    step = 0.2 if low < 0.5 else 0.1 if low < 0.8 else 0.05
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 3) for i in range(first, round(1 / step) + 1)]


def rates(inputs: PageInputs) -> Chart:
    """The learning rate; on a log scale where the schedule divides it."""
    values = [line.get("learning_rate") for line in inputs.judged]
    known = [v for v in values if v]
    schedule = inputs.recipe.schedule.name if isinstance(inputs.recipe, Recipe) else None
    complete = len(known) == len(inputs.epochs)
    divides = schedule in ("step", "plateau", "exponential") and complete
    log = divides and bool(known) and max(known) > 3 * min(known)
    axes = axes_of(
        inputs,
        label="Learning rate over the epochs",
        log=log,
        low=None if log else 0.0,
        show=lambda v: figure(v, 3),
    )
    return line_chart([Series(name="learning rate", style="rate", values=values)], axes)


def lesson(inputs: ReportInputs) -> str:
    """The outcome of training, in a sentence or two computed from the curves."""
    return f"{lowest_loss(inputs)}{_gap(inputs)}{overfitting(inputs)}"


def _validated(inputs: PageInputs) -> list[tuple[int, float]]:
    """(epoch, validation loss) of each epoch that has one."""
    return [
        (int(line["epoch"]), line["validation"]["loss"])
        for line in inputs.judged
        if math.isfinite(line.get("validation", {}).get("loss", math.nan))
    ]


def lowest_loss(inputs: PageInputs) -> str:
    """When the validation loss was lowest, in a sentence."""
    held = _validated(inputs)
    if not held:
        return "No epoch was validated."
    lowest = min(held, key=lambda pair: pair[1])
    when = f"after epoch {count(lowest[0])}" if lowest[0] else "before the first epoch"
    last = count(int(inputs.judged[-1]["epoch"]))
    return f"Validation loss was lowest {when} of {last}, at {figure(lowest[1])}."


def _gap(inputs: ReportInputs) -> str:
    """How far accuracies lie apart at the end, in a sentence; empty where they do not."""
    if not _validated(inputs):
        return ""
    last = inputs.judged[-1]
    train, val = last.get("train", {}).get("top1"), last.get("validation", {}).get("top1")
    if train is None or val is None:
        return ""
    gap = f"{abs(train - val) * 100:.1f} points"
    if train > val + 0.005:
        return f" At the end, training accuracy is {gap} above validation accuracy."
    if val > train + 0.005:
        return (
            f" At the end, validation accuracy is {gap} above training accuracy, "
            "which is taken on augmented images during the epoch."
        )
    return ""


def overfitting(inputs: PageInputs) -> str:
    """By how much the validation loss rose again, in a sentence; empty where it did not."""
    held = _validated(inputs)
    if not held:
        return ""
    lowest = min(held, key=lambda pair: pair[1])
    if held[-1][1] > 1.1 * lowest[1]:
        # A fitted head starts at its best: what rises from there is no sign of overfitting.
        why = "the network began to overfit"
        if not lowest[0]:
            why = "training did no better than the fitted head alone"
        rise = percent(held[-1][1] / lowest[1] - 1, 0)
        return f" From there the validation loss rose by {rise}: {why}."
    return ""
