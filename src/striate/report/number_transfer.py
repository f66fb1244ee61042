"""The section on a transfer to numbers: heads, the tube, and what more images would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.pictures import LARGE, encoded
from striate.report.tube import tube_chart
from striate.runs.targets import ScaledTarget
from striate.support.svg import round_steps, whole_steps
from striate.support.words import MINUS, amount, count, figure, percent, plural, power

TITLES = {"ridge": "ridge regression", "svr": "linear SVR", "svr-rbf": "Gaussian SVR"}
_STYLES = {"ridge": "val", "svr": "train", "svr-rbf": "aux2"}


@dataclass(frozen=True, kw_only=True)
class HeadRow:
    """A head in the table that compares them."""

    name: str
    error: str
    std: str
    fit: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class TrainingPicture:
    """A training image with its value and how far off its prediction is."""

    source: str
    name: str
    file: str
    value: str
    off: str


@dataclass(frozen=True, kw_only=True)
class TubeView:
    """The tube of one target."""

    target: str
    chart: Any
    sentence: str
    furthest: Sequence[TrainingPicture]
    edge: Sequence[TrainingPicture]


@dataclass(frozen=True, kw_only=True)
class NumberTransfer:
    """What the page shows of a transfer to numbers."""

    sentence: str
    heads: Sequence[HeadRow]
    choice: Chart | None
    tubes: Sequence[TubeView]
    wrong: Sequence[TrainingPicture]
    by_images: Chart | None
    by_stages: Chart | None
    by_stages_sentence: str

    @property
    def charts(self) -> dict[str, Any]:
        """What the page's script reads, under the figures' keys."""
        charts = {
            "error-c": self.choice,
            "error-images": self.by_images,
            "error-stages": self.by_stages,
        }
        return {key: chart.hover for key, chart in charts.items() if chart}


def number_transfer(
    record: Mapping[str, Any],
    targets: Sequence[ScaledTarget],
    train: ImageSet,
    preprocessing: Preprocessing,
) -> NumberTransfer:
    """The section.

    Args:
        record: the run's ``transfer.json``.
        targets: the run's.
        train: its training images, of which some are shown.
        preprocessing: its own, by which they are.
    """
    shown = _Shown(targets, train, preprocessing)
    curve = record.get("curve") or {}
    by_images, by_stages = curve.get("images"), curve.get("stages")
    tubes = record["head"].get("tubes") or ()
    return NumberTransfer(
        sentence=_sentence(record, shown),
        heads=[_row(each, record, shown) for each in record["compared"]],
        choice=_choice(record["head"], shown),
        tubes=[_tube(each, at, shown) for at, each in enumerate(tubes)],
        wrong=[
            shown.picture(each["image"], each["target"], each["error"])
            for each in record.get("furthest", ())[:_WRONG]
        ],
        by_images=_images_chart(by_images, shown) if by_images else None,
        by_stages=_stages_chart(by_stages, shown) if by_stages else None,
        by_stages_sentence=_stages_sentence(by_stages) if by_stages else "",
    )


#: Training images whose values are most likely wrong: two rows on a wide page.
_WRONG = 14


class _Shown:
    """Errors and pictures as a person reads them."""

    def __init__(
        self, targets: Sequence[ScaledTarget], train: ImageSet, preprocessing: Preprocessing
    ) -> None:
        self.targets, self.train, self.preprocessing = targets, train, preprocessing
        one = targets[0] if len(targets) == 1 else None
        # Of several targets what they have in common is a share of their deviations.
        self.scale = one.deviation if one else 1.0
        self.unit = f" {one.unit}" if one and one.unit else "" if one else " deviations"

    def error(self, deviations: float) -> str:
        """An error that is known in standard deviations."""
        return self.value(deviations * self.scale)

    def value(self, error: float) -> str:
        """An error in the target's unit."""
        return f"{figure(error)}{self.unit}"

    def picture(self, index: int, target: int, error: float) -> TrainingPicture:
        """Training image `index`, whose prediction of a target is off by so many deviations."""
        of = self.targets[target]
        assert self.train.values is not None
        off = error * of.deviation
        name = str(self.train.names[index])
        several = f"{of.name} " if len(self.targets) > 1 else ""
        unit = f" {of.unit}" if of.unit else ""
        return TrainingPicture(
            source=encoded(self.train.read_fitted(index, self.preprocessing), LARGE),
            name=name,
            file=PurePath(name).name,
            value=f"{several}{amount(float(self.train.values[index, target]))}{unit}",
            off=f"{'+' if off > 0 else MINUS}{figure(abs(off))}",
        )


def _sentence(record: Mapping[str, Any], shown: _Shown) -> str:
    head = record["head"]
    backbone = f"Source of the backbone’s weights: {record['origin']}."
    title = TITLES[head["kind"]]
    if not head["folds"]:
        return f"{backbone} A {title} was fitted as usual: nothing could be held out to choose by."
    note = f" {head['note'][0].upper()}{head['note'][1:]}." if head.get("note") else ""
    return (
        f"{backbone} A {title} was fitted to {plural(len(shown.train), 'training image')}, with "
        f"{_fit(head)}: in cross-validation over {plural(head['folds'], 'fold')}, each predicted "
        "by heads fitted to the other folds alone, its root mean squared error was "
        f"{shown.error(head['chosen']['rmse'])}.{note}"
    )


def _fit(head: Mapping[str, Any]) -> str:
    chosen = head["chosen"]
    if head["kind"] == "ridge":
        return f"α = {figure(chosen['alpha'], 2)}"
    said = [f"C = {figure(chosen['C'], 2)}", f"ε = {figure(chosen['epsilon'], 2)} deviations"]
    if "gamma" in chosen:
        said.append(f"γ = {figure(chosen['gamma'], 2)}")
    return ", ".join(said)


def _row(each: Mapping[str, Any], record: Mapping[str, Any], shown: _Shown) -> HeadRow:
    return HeadRow(
        name=TITLES[each["kind"]],
        error=shown.error(each["chosen"]["rmse"]),
        std=figure(each["chosen"]["std"] * shown.scale, 2),
        fit=_fit(each),
        chosen=each["kind"] == record["head"]["kind"],
    )


def _choice(head: Mapping[str, Any], shown: _Shown) -> Chart | None:
    """Error in cross-validation over C, or over alpha, with all else as it was chosen."""
    chosen = head["chosen"]
    same = [
        each
        for each in head["trials"]
        if all(each.get(key) == chosen.get(key) for key in ("scaling", "gamma", "epsilon"))
    ]
    ridge = head["kind"] == "ridge"
    key, name = ("alpha", "α") if ridge else ("C", "C")
    at = {round(4 * math.log10(each[key])): each["rmse"] * shown.scale for each in same}
    xs = sorted(at)
    if len(xs) < 2:
        return None
    decades = whole_steps(math.ceil(xs[0] / 4), math.floor(xs[-1] / 4))
    strong = "larger" if ridge else "smaller"
    axes = Axes(
        label=f"Cross-validated error over {name}",
        x=xs,
        x_names=[f"{name} = {figure(10 ** (x / 4), 2)}" for x in xs],
        x_title=f"{name}: the {strong}, the stronger the regularisation",
        x_ticks=[(4 * each, power(10.0**each)) for each in decades],
        show=shown.value,
        mark=round(4 * math.log10(chosen[key])),
        mark_name="chosen",
        **_range([at[x] for x in xs]),
    )
    return line_chart([Series(name="error", style="val", values=[at[x] for x in xs])], axes)


def _tube(tube: Mapping[str, Any], at: int, shown: _Shown) -> TubeView:
    target = shown.targets[at]
    images = tube["within"] + tube["on"] + tube["beyond"]
    unit = f" {target.unit}" if target.unit else ""
    return TubeView(
        target=target.name if len(shown.targets) > 1 else "",
        chart=tube_chart(tube, target.deviation, unit),
        sentence=(
            f"A prediction that is off by no more than ε = "
            f"{figure(tube['epsilon'] * target.deviation)}{unit} costs nothing: "
            f"{plural(tube['within'], 'training image')} of {count(images)} "
            f"({percent(tube['within'] / images, 0)}) lie inside this tube, and the prediction "
            f"would be the same without them. {count(tube['on'])} lie on its edge and "
            f"{count(tube['beyond'])} beyond: the support vectors."
        ),
        furthest=[shown.picture(image, at, error) for image, error in tube["furthest"]],
        edge=[shown.picture(image, at, error) for image, error in tube["edge"]],
    )


# --- curves ---------------------------------------------------------------------------------------


def _images_chart(points: Sequence[Mapping[str, Any]], shown: _Shown) -> Chart:
    """Error of every kind of head over the training images."""
    xs = [round(100 * math.log10(point["images"])) for point in points]
    series = [
        Series(
            name=title,
            style=_STYLES[kind],
            values=[point["error"].get(kind) for point in points],
        )
        for kind, title in TITLES.items()
        if any(kind in point["error"] for point in points)
    ]
    # Ticks that would run into one another are left out; the ends stay.
    ticks: list[tuple[int, str]] = []
    for x, point in zip(xs, points, strict=True):
        if not ticks or x - ticks[-1][0] > (xs[-1] - xs[0]) / 12:
            ticks.append((x, count(point["images"])))
    axes = Axes(
        label="Mean absolute error by training images",
        x=xs,
        x_names=[plural(point["images"], "image") for point in points],
        x_title="training images",
        x_ticks=ticks,
        show=shown.value,
        **_range([error for point in points for error in point["error"].values()]),
    )
    return line_chart(series, axes)


def _stages_chart(found: Mapping[str, Any], shown: _Shown) -> Chart:
    """Error over the number of frozen stages, a line a number of images."""
    frozen = found["frozen"]
    series = [
        Series(
            name=plural(line["images"], "image"),
            style=("train", "val", "aux2")[number % 3],
            values=line["error"],
        )
        for number, line in enumerate(found["curves"])
    ]
    axes = Axes(
        label="Mean absolute error by frozen stages",
        x=frozen,
        x_names=[
            f"{plural(each, 'stage')} frozen" if each < frozen[-1] else "all frozen"
            for each in frozen
        ],
        x_title="frozen stages, from the input",
        x_ticks=[(each, str(each) if each < frozen[-1] else "all") for each in frozen],
        show=shown.value,
        **_range([error for line in found["curves"] for error in line["error"]]),
    )
    return line_chart(series, axes)


def _stages_sentence(found: Mapping[str, Any]) -> str:
    return (
        f"Each point was trained for {found['epochs']} epochs and judged on "
        f"{plural(found['judged'], 'image')}: look at the tendency, not at single points."
    )


def _range(values: Sequence[float]) -> dict[str, Any]:
    """Ends and ticks of an axis that shows the differences between `values`."""
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = max(low - margin, 0.0), high + margin
    ticks: Callable[[float, float], list[float]] = round_steps
    return {"low": low, "high": high, "ticks": ticks(low, high)}
