"""What a person may decide about making a run without training, and about what is shown of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import AllowCode, Seed, ShowProgress, Workers
from striate.support.tables import Bounds
from striate.zoo.variants import Value


@dataclass(frozen=True)
class CreateRunOptions(Options):
    """What a person may decide about a run that is made without training."""

    network: Annotated[
        str, Doc("A name of `list_networks`, ``torchvision:NAME`` or ``timm:NAME``.")
    ]
    out: Annotated[str | Path, Doc("Folder of the run; it must not hold a run.")]
    _: KW_ONLY
    weights: Annotated[
        str | Path | None,
        Doc(
            "``torchvision``, ``timm``, a file (.safetensors, .pth) or a run's folder; random "
            "weights by default, but for networks that come with theirs, such as "
            "``efficientnet_lite0``. Pre-processing and class names come with them where anybody "
            "knows them."
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


@dataclass(frozen=True)
class EnsembleOptions(Options):
    """What a person may decide about an ensemble."""

    runs: Annotated[
        Sequence[str | Path],
        Doc("Folders of two runs or more, with the same classes by name; they are copied."),
    ]
    out: Annotated[str | Path, Doc("Folder of the ensemble, which is a run; it must not hold one.")]
    _: KW_ONLY
    workers: Workers = None
    progress: ShowProgress = False
    allow_code: AllowCode = False


Sort = Annotated[
    str,
    Doc(
        "What the runs are sorted by: ``date`` (the newest first), ``top1`` (the best first), "
        "``mae`` (of numbers, the least mean absolute error first), "
        "``name``, ``network``, ``data``, ``classes``, ``parameters``, ``macs`` or ``time``; with "
        "a minus before it the other way round. What is not known comes last."
    ),
]
Filter = Annotated[
    Sequence[str],
    Doc(
        "Only runs of which all of these hold: a column of `sort`, ``=``, ``!=``, ``<``, ``<=``, "
        "``>`` or ``>=``, and a value, such as ``network=resnet*``, ``top1>80%``, "
        "``parameters<5M``, ``time<2h`` or ``date>=2026-11``."
    ),
]


@dataclass(frozen=True)
class ListRunsOptions(Options):
    """What a person may decide about a list of runs."""

    folder: Annotated[
        str | Path, Doc("A folder; runs in it and in the folders below it are listed.")
    ] = "."
    _: KW_ONLY
    sort: Sort = "date"
    filter: Filter = ()


@dataclass(frozen=True)
class ShowOptions(Options):
    """What a person may decide about how a run is shown."""

    run: Annotated[str | Path, Doc("A run's folder.")]
    _: KW_ONLY
    mistakes: Annotated[
        bool,
        Doc(
            "List the held-out images that are wrong, the surest first, with the probabilities of "
            "their class and of the predicted one."
        ),
    ] = False
    most: Annotated[int, Bounds(1, MOST), Doc("How many mistakes are listed at most.")] = 20
