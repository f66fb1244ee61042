"""The sentences of the page of a run of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from striate.report.findings import Finding, findings_of
from striate.report.regression.inputs import NumberInputs
from striate.report.regression.words import between, measured
from striate.report.sections import PARTS, held_out_sentence
from striate.support.words import count, figure, listing, plural


def lead(inputs: NumberInputs) -> str:
    """What was trained, on how much, with what."""
    trained = plural(inputs.totals.get("train", 0), "image")
    told = listing([f"“{each.name}”" for each in inputs.targets])
    size = inputs.preprocessing
    if inputs.members > 1:
        return f"The mean of the values of {inputs.members} networks, trained on {trained}: {told}."
    epochs = inputs.epochs
    lasted = f" for {plural(int(epochs[-1]['epoch']), 'epoch')}" if epochs else ""
    made = f" with the recipe “{inputs.recipe.name}”" if inputs.recipe else ""
    if inputs.transfer is not None:
        backbone = inputs.transfer["backbone"]
        begun = f"A backbone, {backbone}, with a head for {told}, fitted to {trained}{lasted}"
    else:
        begun = f"Trained from scratch to tell {told} on {trained}{lasted}{made}"
    return f"{begun}, at {size.width} × {size.height} pixels."


def caveat(inputs: NumberInputs) -> str:
    """Whether the kept weights were chosen on these images."""
    if inputs.members > 1 or not inputs.weights_epoch:
        return ""
    kept = f"The run’s weights are those of epoch {inputs.weights_epoch}, chosen"
    if inputs.chosen_here:
        return (
            f"{kept} because they did best on these very images, so the figures are slightly "
            "optimistic; images that were not used for that choice would give slightly worse ones."
        )
    return (
        f"{kept} on the validation images. These images were used neither for training nor for "
        "that choice."
    )


def sentence(inputs: NumberInputs) -> str:
    """The headline once more, in words."""
    found = inputs.evaluation
    images = plural(found.images, "image")
    if len(found.per_target) == 1:
        mae = found.per_target[0].figures["mae"]
        target = found.per_target[0].target
        if math.isnan(mae.baseline):
            return f"On {images} the prediction is off by {measured(mae.value, target)}."
        return (
            f"On {images} the predictions are off by {measured(mae.value, target)} on average. On "
            f"images like these it is {between(*mae.interval)} with 95 % confidence. The best "
            f"constant, always predicting the median, is off by {measured(mae.baseline, target)}."
        )
    said = (
        f"On {images} the predictions are off by {figure(found.mae)} standard deviations of the "
        f"training images, the mean of {len(found.per_target)} targets"
    )
    best = constant(inputs)
    if not math.isnan(best):
        said += f"; always predicting the medians, by {figure(best)}"
    return f"{said}."


def constant(inputs: NumberInputs) -> float:
    """What the best constants have in place of the evaluation's ``mae``; NaN of one image."""
    found = inputs.evaluation.per_target
    if len(found) == 1:
        return found[0].figures["mae"].baseline
    return float(np.mean([each.figures["mae"].baseline / each.deviation for each in found]))


def tiles(inputs: NumberInputs) -> list[tuple[str, str, str]]:
    """(name, value, note) of the smaller figures beneath the headline."""
    rows = []
    several = len(inputs.targets) > 1
    for found in inputs.evaluation.per_target:
        keys = ("mae", "r2") if several else ("rmse", "median_error", "r2", "spearman")
        for key in keys:
            each = found.figures[key]
            name = _TILES[key]
            shown = (
                measured(each.value, found.target) if each.metric.has_unit else figure(each.value)
            )
            note = between(*each.interval) if not several else found.target.name
            if not several and each.metric.has_unit and not math.isnan(each.baseline):
                note += f"; best constant {figure(each.baseline, 4)}"
            rows.append((name, shown, note))
    return rows


_TILES = {
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "median_error": "Median absolute error",
    "r2": "R²",
    "spearman": "Rank correlation",
}


def data_section(inputs: NumberInputs) -> dict[str, Any]:
    """What the values are like in every part, and what the check found."""
    totals = listing(
        [f"{count(images)} {PARTS.get(part, part)}" for part, images in inputs.totals.items()]
    )
    targets = (inputs.check or {}).get("targets") or ()
    return {
        "sentence": f"{totals} images from {inputs.data_origin}. {held_out_sentence(inputs)}",
        "findings": findings_of(inputs, [_outliers(each) for each in targets]),
        "rows": [
            (
                each["name"],
                PARTS.get(part, part),
                [
                    count(int(held["count"])),
                    *(figure(held[key], 4) for key in ("min", "median", "mean", "max", "std")),
                ],
            )
            for each in targets
            for part, held in each["splits"].items()
        ],
    }


def _outliers(target: dict[str, Any]) -> Finding | None:
    """The images whose value is far from the others."""
    far = target["outliers"]
    if not far:
        return None
    unit = f" {target['unit']}" if target["unit"] else ""
    return Finding(
        kind="notice",
        title=f"{plural(len(far), 'value')} of {target['name']}",
        text="far from the others: right, or a slip of the pen.",
        files=[f"{each['name']}: {each['value']:g}{unit}" for each in far[:100]],
    )
