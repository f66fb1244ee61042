"""``striate export``: from a run to one ONNX file."""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.cli.options import AsJson, Given, command
from striate.deploy.detectors.options import ExportDetectorOptions, JudgedOptions
from striate.deploy.options import ExportOptions
from striate.support.options import Doc, doc_of
from striate.support.tables import Bounds

_DOING = "capturing, writing and verifying …"


@dataclass(frozen=True)
class Typed(ExportOptions, JudgedOptions):
    """What is typed: what `striate.export` takes, or `striate.export_detector`."""

    run: Annotated[
        str | Path,
        Doc(f"{doc_of(ExportOptions, 'run').text} Or a detector's file of weights."),
    ]
    _: KW_ONLY
    threshold: Annotated[
        float | None,
        Bounds(0, 1),
        Doc(f"{doc_of(ExportOptions, 'threshold').text} {doc_of(JudgedOptions, 'threshold').text}"),
    ] = None


@command(Typed, output=("-o", "--output"))
def export(given: Given, as_json: AsJson = False) -> None:
    """Write a run, or a detector, as one verified ONNX file.

    It is compared with PyTorch on real images, in ONNX Runtime and in OpenVINO. Of a detector, the
    file gives boxes, as `striate.export_detector` says.
    """
    from striate.cli.detectors import chosen, is_detector

    if is_detector(given["run"], given["weights"]):
        _export_detector(chosen(given, Typed, ExportDetectorOptions, "a detector"), as_json=as_json)
    else:
        _export(chosen(given, Typed, ExportOptions, "a run"), as_json=as_json)


def _export(given: Given, *, as_json: bool) -> None:
    from rich.console import Console

    from striate import api
    from striate.cli.notes import tell_of

    tell_of(given["run"], allow_code=given["allow_code"])
    if given["int8"]:  # says itself what it does
        report = api.export(**given, progress=True)
    else:
        with Console(stderr=True).status(_DOING):
            report = api.export(**given)
    print(json.dumps(report.to_json(), indent=1) if as_json else report.summary())
    if report.int8 is not None and not as_json:
        report.int8.show(Console(highlight=False))


def _export_detector(given: Given, *, as_json: bool) -> None:
    from rich.console import Console

    from striate import api

    with Console(stderr=True).status(_DOING):
        report = api.export_detector(**given)
    print(json.dumps(report.to_json(), indent=1) if as_json else report.summary())
