"""The section on transfer: heads, margins, and what more images would give."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from striate.recipes.frozen import FrozenRecipe
from striate.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axes,
    Chart,
    Series,
    line_chart,
)
from striate.report.inputs import ReportInputs
from striate.report.pictures import LARGE, pictures
from striate.report.transfer_curves import (
    TITLES,
    by_images_sentence,
    by_stages_sentence,
    images_chart,
    share_range,
    stages_chart,
)
from striate.support.svg import Scale, element, whole_steps
from striate.support.words import count, exact_percent, figure, percent, plural, power


@dataclass(frozen=True, kw_only=True)
class Row:
    """A head in the table that compares them."""

    name: str
    accuracy: float
    std: float
    fit: str
    """Its C, gamma and scaling, in words."""
    chosen: bool
    badge: str
    """Of the run's own kind: whether this is the very head of the run."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A support vector as a picture."""

    source: str
    name: str
    file: str
    true: str
    margin: str
    wrong: bool


@dataclass(frozen=True, kw_only=True)
class TransferSection:
    """What the page shows of a transfer."""

    sentence: str
    note: str
    heads: Sequence[Row]
    heads_sentence: str
    c_values: Chart | None
    margins: Markup | None
    margins_sentence: str
    vectors: Sequence[Vector]
    by_images: Chart | None
    by_images_sentence: str
    by_stages: Chart | None
    by_stages_sentence: str

    @property
    def hovers(self) -> dict[str, Any]:
        """What a pointer on its charts reads off, by the charts' keys."""
        charts = {
            "c-values": self.c_values,
            "by-images": self.by_images,
            "by-stages": self.by_stages,
        }
        return {key: chart.hover for key, chart in charts.items() if chart}


def transfer_section(inputs: ReportInputs) -> TransferSection | None:
    """The section, or None for a run that was not transferred."""
    record = inputs.transfer
    if record is None:
        return None
    head, curve = record["head"], record.get("curve", {})
    margins = head["margins"]
    by_images, by_stages = curve.get("images"), curve.get("stages")
    return TransferSection(
        sentence=_sentence(inputs, record),
        note=record["note"],
        heads=_rows(record),
        heads_sentence=_heads_sentence(inputs, record),
        c_values=_c_values(record),
        margins=_histogram(margins) if margins else None,
        margins_sentence=_margins_sentence(inputs, margins) if margins else "",
        vectors=_vectors(inputs, margins) if margins else (),
        by_images=images_chart(by_images) if by_images else None,
        by_images_sentence=by_images_sentence(by_images, head["kind"]) if by_images else "",
        by_stages=stages_chart(by_stages) if by_stages else None,
        by_stages_sentence=by_stages_sentence(by_stages) if by_stages else "",
    )


def lead(inputs: ReportInputs, record: Mapping[str, Any]) -> str:
    """What was transferred, and to how many images."""
    images = int(inputs.counts["train"].sum()) if "train" in inputs.counts else 0
    size = inputs.preprocessing
    onto = (
        f"{plural(images, 'image')} of {plural(len(inputs.evaluation.classes), 'class', 'classes')}"
        f", at {size.width} × {size.height} pixels"
    )
    title = TITLES[record["head"]["kind"]]
    if record["freeze"] == "all":
        return f"A frozen backbone, {record['backbone']}, with a {title} fitted to {onto}."
    epochs = inputs.epochs
    lasted = f" for {plural(int(epochs[-1]['epoch']), 'epoch')}" if epochs else ""
    return f"A backbone, {record['backbone']}, with a {title}, trained further{lasted} on {onto}."


def caveat(inputs: ReportInputs, record: Mapping[str, Any]) -> str:
    """Whether these images were used to choose what was kept."""
    if record["freeze"] == "all":
        said = (
            "The head was fitted to the training images, and its C chosen by cross-validation "
            "among them: these images were not used."
        )
        if "bfloat16" in record["engine"]:
            said += (
                " It was fitted to features in bfloat16; the figures are those of the network in "
                "float32, as `striate evaluate` gives them."
            )
        return said
    kept = (
        f"those of epoch {inputs.weights_epoch}"
        if inputs.weights_epoch
        else "those from before the first epoch, the backbone as it came with the fitted head"
    )
    if inputs.chosen_here:
        return (
            f"The run’s weights are {kept}, chosen because they did best on these very images, so "
            "the figure is slightly optimistic."
        )
    return f"The run’s weights are {kept}, chosen on the validation images."


def _sentence(inputs: ReportInputs, record: Mapping[str, Any]) -> str:
    views = record["views"]
    seen = f" The head was fitted to {views} views of each image." if views > 1 else ""
    return (
        f"Source of the backbone’s weights: {record['origin']}. {_stages_sentence(inputs, record)}"
        f"{_start_sentence(inputs)}{seen}"
    )


def _stages_sentence(inputs: ReportInputs, record: Mapping[str, Any]) -> str:
    """Which stages trained, as far as training came."""
    every, stages = record.get("unfreeze_every", 0), len(record["stages"])
    if record["freeze"] == "all":
        return f"All {count(stages)} stages are frozen."
    asked = 0 if record["freeze"] == "none" else int(record["freeze"])
    done = int(inputs.epochs[-1]["epoch"]) if inputs.epochs else 0
    frozen = max(asked, stages - max(done - 1, 0) // every) if every else asked
    if frozen == stages:
        return f"All {count(stages)} stages are frozen: none was unfrozen yet."
    held = (
        f"The first {frozen} of {count(stages)} stages are frozen"
        if frozen
        else f"All {count(stages)} stages were trained further"
    )
    if not every:
        return f"{held}."
    pace = "an epoch" if every == 1 else f"every {count(every)} epochs"
    return f"{held}; one {pace} was unfrozen, from above."


def _start_sentence(inputs: ReportInputs) -> str:
    """What training on began with."""
    start = inputs.judged[0] if inputs.judged else {}
    if not start or "train" in start:
        return ""
    before = start["validation"]["top1"]
    return (
        f" The fitted head alone classified {percent(before)} of the validation images correctly."
    )


# --- heads ------------------------------------------------------------------------------------


def _rows(record: Mapping[str, Any]) -> list[Row]:
    head = record["head"]
    return [
        Row(
            name=TITLES[each["kind"]],
            accuracy=each["chosen"]["accuracy"],
            std=each["chosen"]["std"],
            fit=_fit(each["chosen"]),
            chosen=each["kind"] == head["kind"],
            badge="this run’s" if each["chosen"] == head["chosen"] else "this run’s kind",
        )
        for each in record["compared"]
    ]


_SCALINGS = {
    "none": "features as they are",
    "pareto": "Pareto scaling",
    "standard": "standardised features",
}


def _fit(trial: Mapping[str, Any]) -> str:
    said = [f"C = {figure(trial['C'], 2)}"]
    if trial.get("gamma") is not None:
        said.append(f"γ = {figure(trial['gamma'], 2)}")
    # Runs from before there was a choice do not name it: their features were standardised.
    said.append(_SCALINGS[trial.get("scaling", "standard")])
    return ", ".join(said)


def _heads_sentence(inputs: ReportInputs, record: Mapping[str, Any]) -> str:
    head = record["head"]
    title = TITLES[head["kind"]]
    note = f" {head['note'][0].upper()}{head['note'][1:]}." if head.get("note") else ""
    recipe = inputs.recipe
    if isinstance(recipe, FrozenRecipe) and recipe.head.class_weights == "balanced":
        note += " Images were weighed so that all classes count alike."
    if not head["folds"]:
        return (
            f"The {title} was fitted to one picture a class: nothing could be held out to choose "
            f"how by cross-validation, and it was fitted as usual ({_fit(head['chosen'])}).{note}"
        )
    said = (
        f"In cross-validation over {plural(head['folds'], 'fold')} of the training images, each "
        f"predicted by heads fitted to the other folds alone, the {title} classified "
        f"{percent(head['chosen']['accuracy'])} correctly with {_fit(head['chosen'])}.{note}"
    )
    if record["compared"]:
        views = f", in {record['views']} views" if record["views"] > 1 else ""
        said += (
            f" Each kind of head was tried likewise on the same "
            f"{plural(record['compared_images'], 'training image')}{views}"
        )
        own = [each["chosen"] for each in record["compared"] if each["kind"] == head["kind"]]
        # Of runs from before: their comparison saw one view, whatever the run did.
        elsewhere = own != [head["chosen"]]
        said += ", not all of those that this run’s head was fitted to." if elsewhere else "."
    return said


def _c_values(record: Mapping[str, Any]) -> Chart | None:
    """Accuracy in cross-validation over C, a line a gamma."""
    head = record["head"]
    lines: dict[float | None, dict[int, float]] = {}
    for trial in head["trials"]:
        if trial.get("scaling") != head["chosen"].get("scaling"):
            continue
        at = round(4 * math.log10(trial["C"]))
        lines.setdefault(trial.get("gamma"), {})[at] = trial["accuracy"]
    xs = sorted({at for line in lines.values() for at in line})
    if len(xs) < 2:
        return None
    styles = ("val", "train", "aux2")
    series = [
        Series(
            name="accuracy" if gamma is None else f"γ = {figure(gamma, 2)}",
            style=styles[number % 3],
            values=[line.get(x) for x in xs],
        )
        for number, (gamma, line) in enumerate(lines.items())
    ]
    decades = whole_steps(math.ceil(xs[0] / 4), math.floor(xs[-1] / 4))
    axes = Axes(
        label="Cross-validated accuracy over C",
        x=xs,
        x_names=[f"C = {figure(10 ** (x / 4), 2)}" for x in xs],
        x_title="C: the smaller, the stronger the regularisation",
        x_ticks=[(4 * each, power(10.0**each)) for each in decades],
        show=percent,
        tick=exact_percent,
        mark=round(4 * math.log10(head["chosen"]["C"])),
        mark_name="chosen",
        **share_range([v for line in lines.values() for v in line.values()]),
    )
    return line_chart(series, axes)


# --- margins ----------------------------------------------------------------------------------


def _histogram(margins: Mapping[str, Any]) -> Markup:
    """Training images by their distance from their class's border."""
    edges, counts = margins["edges"], margins["counts"]
    held = [i for i, images in enumerate(counts) if images]
    first = min([edges.index(-1.0), *held[:1]])
    last = max([edges.index(2.0), *(i + 1 for i in held[-1:])])
    across = Scale(low=edges[first], high=edges[last], start=LEFT, end=RIGHT)
    up = Scale(low=0, high=max(counts), start=BOTTOM, end=TOP)
    parts = []
    for images in whole_steps(0, max(counts), 4):
        y = up(images)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", count(images), x=LEFT - 7, y=y + 3.5, class_="tick end"))
    for low, high, images in zip(
        edges[first:last], edges[first + 1 :], counts[first:last], strict=False
    ):
        side = "wrong" if high <= 0 else "within" if high <= 1 else "beyond"
        parts.append(
            element(
                "rect",
                element("title", f"{low:g} to {high:g}: {plural(images, 'image')}"),
                x=across(low) + 0.6,
                y=up(images),
                width=across(high) - across(low) - 1.2,
                height=BOTTOM - up(images),
                class_=f"margin {side}",
            )
        )
    for value, words in ((0.0, "border"), (1.0, "margin")):
        x = across(value)
        parts.append(element("line", x1=x, x2=x, y1=TOP, y2=BOTTOM, class_="mark"))
        parts.append(element("text", words, x=x, y=TOP - 3, class_="note mid"))
    for step in whole_steps(math.ceil(edges[first]), math.floor(edges[last])):
        label = f"{step}".replace("-", "−")
        parts.append(element("text", label, x=across(step), y=BOTTOM + 15, class_="tick mid"))
    title = "score of the image’s own class"
    parts.append(element("text", title, x=(LEFT + RIGHT) / 2, y=HEIGHT - 2, class_="tick mid"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label="Training images by their margin",
        class_="chart",
    )


def _margins_sentence(inputs: ReportInputs, margins: Mapping[str, Any]) -> str:
    images = sum(margins["counts"])
    return (
        f"{plural(margins['vectors'], 'training image')} of {count(images)} "
        f"({percent(margins['vectors'] / images, 0)}) are support vectors: the borders between the "
        "classes depend on them alone, and would be the same without all others. "
        f"{count(margins['within'])} lie within the margin and {count(margins['wrong'])} on the "
        "wrong side of their class’s border."
    )


def _vectors(inputs: ReportInputs, margins: Mapping[str, Any]) -> list[Vector]:
    """The support vectors nearest to the wrong side or furthest into it."""
    images = inputs.train
    if images is None:
        return []
    indices = [int(index) for index, _ in margins["hardest"]]
    sources = pictures(inputs, indices, LARGE, images)
    return [
        Vector(
            source=source,
            name=str(images.names[index]),
            file=PurePath(images.names[index]).name,
            true=inputs.evaluation.classes[int(images.labels[index])],
            margin=f"{margin:.2f}".replace("-", "−"),
            wrong=margin < 0,
        )
        for (index, margin), source in zip(margins["hardest"], sources, strict=True)
    ]
