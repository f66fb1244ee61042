"""What a person may decide about a comparison of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    Device,
    Recheck,
    ShowProgress,
    SkipBad,
    Workers,
)

ComparedData = Annotated[
    str | Path | None,
    Doc(
        "Images to compare on, as for `evaluate`, without those that any of the runs was trained "
        "on. By default those that all runs hold out, of which runs keep what their networks gave."
    ),
]
Page = Annotated[
    str | Path | None,
    Doc(
        "Write a page (HTML) of the comparison into this file: figures, learning curves, the "
        "images on which they differ as pictures, settings."
    ),
]


@dataclass(frozen=True)
class CompareRunsOptions(Options):
    """What a person may decide about a comparison of runs."""

    runs: Annotated[
        Sequence[str | Path],
        Doc("Two or more of runs' folders and of ONNX files that `export` wrote."),
    ]
    _: KW_ONLY
    data: ComparedData = None
    output: Page = None
    skip_bad: SkipBad = False
    recheck: Recheck = False
    workers: Workers = None
    device: Device = "cpu"
    progress: ShowProgress = False
    allow_code: AllowCode = False
