"""What a person may decide about an evaluation."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    ChosenCrops,
    ChosenScales,
    Device,
    LabelColumn,
    OneRun,
    Recheck,
    ReducedDecoding,
    RunOrFile,
    ShowProgress,
    SkipBad,
    Workers,
)


@dataclass(frozen=True)
class EvaluateOptions(Options):
    """What a person may decide about an evaluation."""

    run: Annotated[
        RunOrFile,
        Doc(
            "A run's folder; or an ONNX file that `export` wrote, with `data`.",
            in_python="a run that `open_run` opened",
        ),
    ]
    data: Annotated[
        str | Path | None,
        Doc(
            "Other images with the run's classes, as for `train`: their ``test/``, else their "
            "``val/``, else, where a folder has no such parts, all of them; without those that the "
            "network was trained on, whose number is in the result. By default the run's own "
            "held-out images, in which case the run's report is made anew."
        ),
    ] = None
    _: KW_ONLY
    label: LabelColumn = None
    all_images: Annotated[
        bool,
        Doc(
            "Measure on every image of `data` (of the run, without), those that the network was "
            "trained on among them: this is no measure of how good it is."
        ),
    ] = False
    crops: Annotated[
        ChosenCrops,
        Doc(
            "Views of each image, whose probabilities are averaged: ``center``, as in validation; "
            "``10`` (AlexNet's corners and middle, flipped too); ``144`` (GoogLeNet's); or "
            "``dense`` (VGG's: the network applied to the whole image and its flip), which an "
            "exported file cannot have. The run keeps the figures of ``center`` alone."
        ),
    ] = "center"
    scales: ChosenScales = None
    skip_bad: Annotated[
        SkipBad,
        Doc(
            "Leave out files that cannot be read, instead of stopping at them; the result names "
            "them. A run that was trained so leaves them out in any case."
        ),
    ] = False
    recheck: Recheck = False
    workers: Workers = None
    reduced_decoding: ReducedDecoding = False
    device: Annotated[
        Device,
        Doc(
            "Where to compute: ``cpu``, ``cuda`` … or ``auto``. The last digits differ between "
            "devices."
        ),
    ] = "cpu"
    progress: ShowProgress = False
    allow_code: AllowCode = False


@dataclass(frozen=True)
class CalibrateOptions(Options):
    """What a person may decide about calibrating a run."""

    run: OneRun
    data: Annotated[
        str | Path | None,
        Doc(
            "Other images with the run's classes to fit to, as for `evaluate`; those that the "
            "network was trained on are left out. By default the run's own held-out images, of "
            "which it kept the predictions: nothing is computed."
        ),
    ] = None
    _: KW_ONLY
    off: Annotated[bool, Doc("Use the network's own probabilities again.")] = False
    skip_bad: Annotated[
        SkipBad, Doc("Leave out files that cannot be read, instead of stopping at them.")
    ] = False
    workers: Workers = None
    device: Device = "cpu"
    progress: ShowProgress = False
    allow_code: AllowCode = False
