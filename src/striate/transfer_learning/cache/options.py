"""What a person may ask of the cache."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.options import Doc, Options
from striate.support.tables import Bounds


@dataclass(frozen=True)
class CacheOptions(Options):
    """What a person may ask of the cache."""

    folder: Annotated[str | Path | None, Doc("The folder of the cache, if not the usual one.")] = (
        None
    )
    _: KW_ONLY
    older_than: Annotated[
        float | None,
        Bounds(0, math.inf),
        Doc("Remove what was not used for so many days."),
    ] = None
    everything: Annotated[
        bool, Doc("Remove everything. What a process is using is left in any case.")
    ] = False
