"""What a person may decide about a run that is made without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import Seed
from striate.support.tables import Bounds
from striate.zoo.variants import Value


@dataclass(frozen=True)
class CreateRunOptions(Options):
    """What a person may decide about a run that is made without training."""

    network: Annotated[str, Doc("A name of `list_networks`.")]
    out: Annotated[str | Path, Doc("Folder of the run; it must not hold a run.")]
    _: KW_ONLY
    weights: Annotated[
        str | Path | None,
        Doc(
            "``torchvision``, ``timm``, a file (.safetensors, .pth) or a run's folder; random "
            "weights by default. Pre-processing and class names come with them where anybody knows "
            "them."
        ),
    ] = None
    classes: Annotated[
        int | None,
        Bounds(2, MOST),
        Doc(
            "How many; by default as many as the weights have. With another number the classifier "
            "starts anew."
        ),
    ] = None
    seed: Annotated[Seed, Doc("Decides what starts anew.")] = 0
    variant: Annotated[
        Mapping[str, Value] | None,
        Doc("Choices that the network offers, such as ``auxiliary=True``."),
    ] = None
