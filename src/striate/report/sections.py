"""The sentences of each section of the page, computed from the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from striate.recipes.recipe import Recipe
from striate.recipes.settings import departures_of, set_in
from striate.report import ensemble, transfer
from striate.report.confusion import MOST_CLASSES
from striate.report.findings import findings
from striate.report.inputs import PageInputs, ReportInputs
from striate.report.recipe_keys import in_use
from striate.support.words import MINUS, count, duration, figure, listing, percent, plural

#: What a part of the data is called in a sentence.
PARTS = {"val": "validation", "test": "test", "train": "training"}

Rows = list[tuple[str, str]]


def sentence(inputs: ReportInputs) -> str:
    """The headline once more, in words."""
    found = inputs.evaluation
    right = int(np.trace(found.confusion))
    common = found.classes[int(found.confusion.sum(axis=1).argmax())]
    low, high = found.interval
    return (
        f"{count(right)} of {plural(found.images, 'image')} were classified correctly. On images "
        f"like these the accuracy lies between {percent(low)} and {percent(high)} with 95 % "
        f"confidence. The majority baseline, always predicting “{common}”, reaches "
        f"{percent(found.baseline)}."
    )


def caveat(inputs: ReportInputs) -> str:
    """Whether the kept weights were chosen on these images."""
    if inputs.transfer is not None:
        return transfer.caveat(inputs, inputs.transfer)
    if inputs.ensemble is not None:
        return ensemble.caveat(inputs)
    if inputs.chosen_here:
        return (
            f"The run’s weights are those of epoch {inputs.weights_epoch}, chosen because they did "
            "best on these very images, so the figure is slightly optimistic; images that were not "
            "used for that choice would give a slightly lower one."
        )
    return (
        f"The run’s weights are those of epoch {inputs.weights_epoch}, chosen on the validation "
        "images. These images were used neither for training nor for that choice."
    )


def lead(inputs: ReportInputs) -> str:
    """What was trained, on how much, with what."""
    if inputs.transfer is not None:
        return transfer.lead(inputs, inputs.transfer)
    if inputs.ensemble is not None:
        return ensemble.lead(inputs, inputs.ensemble)
    trained = int(inputs.counts["train"].sum()) if "train" in inputs.counts else 0
    epochs = inputs.epochs
    lasted = f" for {plural(int(epochs[-1]['epoch']), 'epoch')}" if epochs else ""
    made = f" with the recipe “{inputs.recipe.name}”" if inputs.recipe else ""
    size = inputs.preprocessing
    return (
        f"Trained from scratch on {plural(trained, 'image')} of "
        f"{plural(len(inputs.evaluation.classes), 'class', 'classes')}{lasted}{made}, "
        f"at {size.width} × {size.height} pixels."
    )


def tiles(inputs: ReportInputs) -> list[tuple[str, str, str]]:
    """(name, value, note) of the smaller figures beneath the headline."""
    found = inputs.evaluation
    classes = len(found.classes)
    recalls = [each.recall for each in found.per_class if each.images]
    names = [each.name for each in found.per_class if each.images]
    rows = [
        ("Loss", figure(found.loss), "mean negative log likelihood, nats"),
        ("Calibration error", percent(found.ece), "confidence against accuracy, 15 bins"),
        (
            "Balanced accuracy",
            percent(found.balanced),
            "mean recall, every class counting the same",
        ),
        ("Macro F1", figure(found.macro_f1), "mean of the classes"),
        ("MCC", figure(found.mcc), "Matthews’ correlation, 0 for chance"),
        (
            "Weakest class",
            percent(min(recalls)),
            f"of “{names[int(np.argmin(recalls))]}” classified correctly",
        ),
    ]
    if classes > 5:
        rows.insert(0, ("Top-5", percent(found.top5), "true class among the five likeliest"))
    return rows


def classes_table(inputs: ReportInputs) -> list[dict[str, Any]]:
    """One entry a class; figures that are undefined are None."""
    found = inputs.evaluation
    wrong = found.confusion.copy()
    np.fill_diagonal(wrong, 0)
    rows = []
    for i, each in enumerate(found.per_class):
        taken = int(wrong[i].argmax())
        times = int(wrong[i, taken])
        rows.append(
            {
                "name": each.name,
                "images": each.images,
                "precision": each.precision if each.predicted else None,
                "recall": each.recall if each.images else None,
                "f1": each.f1 if each.images or each.predicted else None,
                "taken_for": found.classes[taken] if times else "",
                "taken_times": times,
            }
        )
    return rows


def classes_from(inputs: ReportInputs) -> float:
    """Where the scale of the classes' figures begins: a round share below the least of them."""
    rows = classes_table(inputs)
    values = [row[key] for row in rows for key in ("precision", "recall", "f1")]
    least = min((value for value in values if value is not None), default=0.0)
    return min(float(np.floor(least * 10) / 10), 0.9)


def classes_sentence(inputs: ReportInputs) -> str:
    """How even the classes are."""
    held = [each for each in inputs.evaluation.per_class if each.images]
    best, worst = max(held, key=lambda c: c.f1), min(held, key=lambda c: c.f1)
    said = (
        f"F1, the balance of precision and recall, runs from {percent(worst.f1)} for "
        f"“{worst.name}” to {percent(best.f1)} for “{best.name}”."
    )
    said += (
        f" The dots stand on a scale from {percent(classes_from(inputs), 0)} to {percent(1, 0)}."
    )
    absent = len(inputs.evaluation.per_class) - len(held)
    if absent:
        said += f" {plural(absent, 'class has', 'classes have')} no {PARTS[inputs.part]} image."
    return said


def confusion_sentence(inputs: ReportInputs, kinds: int, whole: bool) -> str:
    """The commonest mistake, and what part of the matrix is shown."""
    found = inputs.evaluation
    wrong = found.confusion.copy()
    np.fill_diagonal(wrong, 0)
    total = int(wrong.sum())
    if not total:
        return "No image was taken for another class."
    true, given = (int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    said = (
        f"{plural(total, 'mistake')} of {plural(kinds, 'kind')}. The most frequent: "
        f"“{found.classes[true]}” taken for “{found.classes[given]}”, "
        f"{plural(int(wrong[true, given]), 'time')}."
    )
    if not whole:
        said += (
            f" The matrix shows the {MOST_CLASSES} of {count(len(found.classes))} classes with the "
            "most mistakes."
        )
    return said


def data_section(inputs: ReportInputs) -> dict[str, Any]:
    """Counts of every class in every part, and what the check found."""
    parts = list(inputs.counts)
    most = max((int(held.max()) for held in inputs.counts.values()), default=1) or 1
    rows = [
        (name, [(int(held[i]), 100 * int(held[i]) / most) for held in inputs.counts.values()])
        for i, name in enumerate(inputs.evaluation.classes)
    ]
    totals = listing([f"{count(int(inputs.counts[p].sum()))} {PARTS.get(p, p)}" for p in parts])
    return {
        "sentence": f"{totals} images from {inputs.data_origin}. {held_out_sentence(inputs)}",
        "parts": [PARTS.get(part, part) for part in parts],
        "rows": rows,
        "findings": findings(inputs),
    }


def held_out_sentence(inputs: PageInputs) -> str:
    """Where the validation images come from."""
    return {
        "val": "The validation images have a folder of their own.",
        "test": "The held-out folder is named test; having no other, it served for validation too.",
        "split": "The validation images were set apart by each file's content and the seed.",
    }.get(inputs.held_out, "")


def recipe_section(inputs: PageInputs) -> dict[str, Any]:
    """The recipe, key by key, and its departures from what it follows."""
    size = inputs.preprocessing
    recipe = inputs.recipe
    used = in_use(recipe, small=max(size.height, size.width) <= 64)
    general: Rows = [("network", inputs.network)]
    general += [(f"variant: {key}", _value(value)) for key, value in inputs.variant.items()]
    general += [
        (_label(key), _value(value))
        for key, value in used.items()
        if not isinstance(value, Mapping) and key not in ("ours", "departures", "reference")
    ]
    general += [
        ("seed", str(inputs.seed)),
        ("precision", inputs.precision),
        ("device", inputs.device),
        ("threads", str(inputs.threads)),
        ("processes", str(inputs.world)),
    ]
    tables: list[tuple[str, Rows]] = [("Run", general)]
    tables += [
        (_label(key).capitalize(), [(_label(k), _value(v)) for k, v in value.items()])
        for key, value in used.items()
        if isinstance(value, Mapping) and value and key != "preprocessing"
    ]
    prepared = inputs.preprocessing.to_dict()
    tables.append(("Pre-processing", [(_label(k), _value(v)) for k, v in prepared.items()]))
    reference = recipe.reference if recipe else ""
    network = f"{inputs.title}. {inputs.reference}."
    return {
        "sentence": f"{network} Recipe after {reference}." if reference else network,
        "reference": reference,
        "ours": list(recipe.ours) if isinstance(recipe, Recipe) else [],
        "departures": list(departures_of(recipe)) if isinstance(recipe, Recipe) else [],
        "set": list(set_in(recipe)) if isinstance(recipe, Recipe) else [],
        "tables": tables,
    }


def _label(key: str) -> str:
    return key.replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(value, ".5g").replace("-", MINUS)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_value(each) for each in value) or "–"
    return "–" if value is None or value == "" else str(value)


def environment_section(inputs: PageInputs) -> dict[str, Any]:
    """All that may differ between two runs that give the same weights."""
    tables: list[tuple[str, Rows]] = []
    seconds = [float(line["seconds"]) for line in inputs.timing if "seconds" in line]
    rates = [
        float(line["images_per_second"]) for line in inputs.timing if "images_per_second" in line
    ]
    made = inputs.provenance
    times: Rows = []
    if made.started:
        times.append(("started", made.started))
    if seconds:
        times.append(("epochs timed", count(len(seconds))))
        times.append(("time in epochs", duration(sum(seconds))))
        times.append(("median epoch", duration(float(np.median(seconds)))))
    if rates:
        times.append(("median rate", f"{figure(float(np.median(rates)))} images/s"))
    times.append(("data workers", str(made.workers)))
    tables.append(("Times", times))
    if made.versions:
        tables.append(("Versions", [(str(k), str(v)) for k, v in made.versions.items()]))
    return {"command": made.command, "tables": tables}
