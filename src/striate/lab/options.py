"""What a person may decide about the lab's experiments."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.limits import MOST, MOST_THREADS
from striate.support.options import Doc, Options
from striate.support.shared_options import ShowProgress
from striate.support.tables import Bounds


@dataclass(frozen=True)
class RunExperimentOptions(Options):
    """What a person may decide about running an experiment."""

    name: Annotated[str, Doc("An experiment of `list_experiments`.")]
    _: KW_ONLY
    data: Annotated[
        str | Path | None,
        Doc(
            "Images to run on, as `train` takes them: a name such as ``digits`` or ``shapes``, or "
            "a folder. The experiment's own by default."
        ),
    ] = None
    seeds: Annotated[
        int | None,
        Bounds(1, MOST),
        Doc("How many seeds everything is measured with; the experiment's own by default."),
    ] = None
    epochs: Annotated[
        int | None,
        Bounds(1, MOST),
        Doc("Of each training; the experiment's own by default."),
    ] = None
    quick: Annotated[
        bool,
        Doc(
            "Only see that everything works, in seconds: two seeds, one epoch, few images. It "
            "proves nothing else."
        ),
    ] = False
    out: Annotated[
        str | Path | None,
        Doc(
            "Folder of the results; ``lab/NAME`` by default. Results of the same experiment that "
            "are there are not measured again."
        ),
    ] = None
    workers: Annotated[
        int,
        Bounds(1, MOST_THREADS),
        Doc("Processes that measure side by side. Any number gives the same results."),
    ] = 1
    progress: ShowProgress = False


@dataclass(frozen=True)
class ReportExperimentOptions(Options):
    """What a person may decide about the report of an experiment."""

    folder: Annotated[str | Path, Doc("A folder that `run_experiment` wrote.")]
