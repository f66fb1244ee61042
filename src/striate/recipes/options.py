"""What a person may decide about how a recipe is shown."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.limits import LARGEST_SIDE
from striate.support.options import Doc, Options
from striate.support.tables import Bounds


@dataclass(frozen=True)
class RecipeOptions(Options):
    """What a person may decide about how a recipe is shown."""

    recipe: Annotated[
        str | Path | None,
        Doc(
            "``modern``, ``classic`` (that of the paper of `net`), ``fine_tuning`` or a TOML file; "
            "without it, the recipes are listed."
        ),
    ] = None
    _: KW_ONLY
    net: Annotated[
        str | None,
        Doc(
            "A network, as `train` takes it: the recipe as it is laid together for that network "
            "and images of its own size and channels."
        ),
    ] = None
    size: Annotated[
        int | None,
        Bounds(8, LARGEST_SIDE),
        Doc("With `net`: the side of its square input in pixels; the paper's by default."),
    ] = None
