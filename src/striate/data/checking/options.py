"""What a person may decide about the look at images."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from striate.support.options import Doc, Options
from striate.support.shared_options import (
    Images,
    LabelColumn,
    Recheck,
    Seed,
    ShowProgress,
    TargetColumns,
    Units,
    ValFraction,
    Workers,
)


@dataclass(frozen=True)
class CheckOptions(Options):
    """What a person may decide about the look at images."""

    data: Images
    _: KW_ONLY
    target: TargetColumns = None
    unit: Units = None
    label: LabelColumn = None
    seed: Annotated[
        Seed, Doc("Decides the split of a folder that has none, for the duplicates across it.")
    ] = 0
    val_fraction: ValFraction = 0.2
    recheck: Recheck = False
    workers: Workers = None
    progress: ShowProgress = False
