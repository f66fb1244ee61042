"""The page of a quantisation: what 8 bits cost and gained, engine by engine and layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.pages import rendered
from striate.report.quantisation_accuracy import Accuracy, accuracy_of
from striate.support.files import write_text
from striate.support.words import THIN, count, percent, plural

if TYPE_CHECKING:
    from striate.deploy.quantise.quantise import QuantiseReport

_FLOAT = 32
_SECTIONS = [
    ("result", "Result"),
    ("accuracy", "Accuracy"),
    ("speed", "Speed"),
    ("layers", "Layers"),
    ("steps", "Steps"),
    ("environment", "Environment"),
]


def write_quantisation_page(report: QuantiseReport) -> Path:
    """Write the page of `report` beside its file; returns its path.

    Raises:
        WriteError: it cannot be written.
    """
    return write_text(report.file.with_suffix(".html"), render(report))


def render(report: QuantiseReport) -> str:
    """The page as HTML. The same report gives the same bytes."""
    chart, accuracy = _by_depth(report), accuracy_of(report)
    return rendered(
        "quantisation.html",
        page=_page(report, accuracy),
        accuracy=accuracy,
        speeds=_speeds(report),
        layers=_layers(report),
        steps=[
            {
                "title": each.title,
                "inside": not each.problem,
                "problem": each.problem,
                "found": accuracy.step(each),
            }
            for each in report.steps
        ],
        engines=[each.title for each in report.figures],
        chart=chart,
        charts={"by-depth": chart.hover},
        cells={"cells": {}, "classes": [], "pixels": False},
        facts=_facts(report, accuracy),
    )


def _page(report: QuantiseReport, accuracy: Accuracy) -> dict[str, Any]:
    share = report.bytes / report.float_bytes
    floats = report.steps[-1].floats
    tiles = [
        (
            "size",
            f"{report.bytes / 1e6:.1f}{THIN}MB",
            f"{percent(share, 0)} of {report.float_bytes / 1e6:.1f}{THIN}MB",
        ),
        *(
            (
                each.engine,
                f"{each.ratio:.2f}×",
                f"the speed of float, {plural(each.batch, 'image')} at a time",
            )
            for each in _largest_batches(report)
        ),
        ("weights", f"{report.bits}{THIN}bits", f"{plural(len(floats), 'layer')} left float"),
        accuracy.tile,
    ]
    return {
        "sections": _SECTIONS,
        "title": report.network,
        "eyebrow": report.file.name,
        "lead": f"The network of {report.source.name} with {report.steps[-1].title}, held against "
        f"the float one on {plural(report.figures[0].images, 'held-out image')}.",
        "sentence": accuracy.sentence,
        "caveats": [_caveat(report), *(f"Note: {note}." for note in report.notes)],
        "tiles": tiles,
    }


def _largest_batches(report: QuantiseReport) -> list[Any]:
    """The speed of each engine in its largest batch."""
    found = {each.engine: each for each in sorted(report.speeds, key=lambda each: each.batch)}
    return list(found.values())


def _caveat(report: QuantiseReport) -> str:
    if report.vnni is None:
        return f"Measured on {report.processor}; x86 processors were not measured."
    if report.limits.target == "vnni":
        where, also = "", ""
        if not report.vnni:
            where = ", which has none"
            also = (
                " ONNX Runtime adds products of bytes in 32 bits here, as VNNI does. OpenVINO adds "
                "them in 16 and does not count; its answers with VNNI, and times with it, could "
                "not be measured."
            )
        return (
            f"Made for processors with VNNI, and measured on {report.processor}{where}. Others may "
            f"give wrong answers with this file.{also}"
        )
    if report.vnni is False:
        return (
            f"Measured on {report.processor}, which has no VNNI: OpenVINO adds products of bytes "
            "in 16 bits here, ONNX Runtime in 32, as VNNI does. OpenVINO with VNNI, and how much "
            "quicker both are with it, could not be measured."
        )
    return (
        f"Measured on {report.processor}, which has VNNI; OpenVINO without it was emulated on the "
        "same processor, ONNX Runtime cannot be."
    )


def _speeds(report: QuantiseReport) -> list[dict[str, Any]]:
    longest = max((each.float_ms for each in report.speeds), default=1.0)
    longest = max([longest, *(each.ms for each in report.speeds)])
    return [
        {
            "engine": each.engine,
            "batch": each.batch,
            "float": f"{each.float_ms:.2f}",
            "float_share": 100 * each.float_ms / longest,
            "int8": f"{each.ms:.2f}",
            "share": 100 * each.ms / longest,
            "ratio": f"{each.ratio:.2f}",
        }
        for each in report.speeds
    ]


def _layers(report: QuantiseReport) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "name": each.label,
            "title": each.title,
            "weights": each.weights,
            "own": each.own,
            "gathered": each.gathered,
            "bits": "float" if each.bits == _FLOAT else str(each.bits),
            "value": each.bits,
        }
        for number, each in enumerate(report.layers, 1)
    ]


def _by_depth(report: QuantiseReport) -> Chart:
    axes = Axes(
        label="Signal-to-noise ratio of each layer's output, from input to output",
        x=range(1, len(report.layers) + 1),
        x_names=[f"{i}. {each.label}" for i, each in enumerate(report.layers, 1)],
        x_title="layer, from input to output",
        show=lambda value: f"{value:.1f} dB",
    )
    series = [
        Series(name="its own rounding", style="val", values=[each.own for each in report.layers]),
        Series(
            name="all that has gathered",
            style="train",
            values=[each.gathered for each in report.layers],
        ),
    ]
    return line_chart(series, axes)


def _facts(report: QuantiseReport, accuracy: Accuracy) -> list[tuple[str, list[tuple[str, str]]]]:
    kinds = {True: "yes", False: "no", None: "no x86"}
    limits = report.limits
    return [
        (
            "Calibration",
            [
                ("images", count(report.calibrated)),
                ("contents", report.calibration[:16]),
                ("ranges", "least and greatest value"),
            ],
        ),
        (
            "Limits",
            [
                *accuracy.limits,
                ("processors", "any" if limits.target == "any" else "with VNNI"),
            ],
        ),
        ("Processor", [("name", report.processor), ("VNNI", kinds[report.vnni])]),
        ("File", [("name", report.file.name), ("made of", report.source.name)]),
    ]
