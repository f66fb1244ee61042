"""What a person may decide about a look at networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import AllowCode
from striate.support.tables import Bounds

if TYPE_CHECKING:
    from torch import nn

    Module: TypeAlias = nn.Module
else:

    class Module:
        """Stands for that of torch, which no help should wait for."""

    Module.__module__ = "torch.nn"

NetworkLike = Annotated[
    str | Path | Module,
    Doc(
        "A name of `list_networks`, ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:CLASS``, "
        "``PACKAGE.MODULE:NAME``, or a run's folder. No weight is allocated for it.",
        in_python="a module",
    ),
]
Size = Annotated[
    int | tuple[int, int] | None,
    Doc("Of the image, in pixels: one side, or height and width; the network's own by default."),
]
Inputs = Annotated[
    Any,
    Doc(
        "Examples of what its forward takes, instead of `size`: a tensor, a tuple of arguments, or "
        "a dictionary of named ones. Shapes and types count, values do not; costs are for their "
        "batch.",
        python_only=True,
    ),
]
Training = Annotated[
    bool,
    Doc(
        "As the network is in training: with auxiliary heads, dropout, and the batch's own "
        "statistics."
    ),
]


@dataclass(frozen=True)
class TableOptions(Options):
    """What a person may decide about the table of a network."""

    network: NetworkLike
    _: KW_ONLY
    size: Size = None
    depth: Annotated[
        int | None,
        Bounds(0, MOST),
        Doc("Group operators by module, so many levels down; 0 gives every operator."),
    ] = None
    inputs: Inputs = None
    training: Training = False
    allow_code: AllowCode = False


@dataclass(frozen=True)
class ExplainOptions(Options):
    """What a person may decide about the arithmetic of layers."""

    network: NetworkLike
    layer: Annotated[
        str | None,
        Doc("A layer or module, as `table` calls it; every operator in turn, in short, if absent."),
    ] = None
    _: KW_ONLY
    at: Annotated[
        tuple[int, int] | None,
        Doc("Row and column of the output position whose pixels are shown; the centre by default."),
    ] = None
    size: Size = None
    inputs: Inputs = None
    training: Training = False
    allow_code: AllowCode = False


@dataclass(frozen=True)
class CompareOptions(Options):
    """What a person may decide about a comparison of networks."""

    networks: Annotated[
        Sequence[str | Path | Module],
        Doc(
            "Each a name of `list_networks`, ``torchvision:NAME``, ``timm:NAME``, "
            "``FILE.py:CLASS``, ``PACKAGE.MODULE:NAME``, or a run's folder.",
            in_python="a module",
        ),
    ]
    _: KW_ONLY
    size: Annotated[
        Size,
        Doc(
            "Of the image, in pixels: one side, or height and width; each network's own if absent."
        ),
    ] = None
    inputs: Inputs = None
    timed: Annotated[
        bool, Doc("Run each on one image on this machine, and give the median milliseconds.")
    ] = False
    allow_code: AllowCode = False


@dataclass(frozen=True)
class ViewOptions(Options):
    """What a person may decide about the page of a network."""

    network: Annotated[
        NetworkLike,
        Doc(
            "A name of `list_networks`, ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:CLASS``, "
            "``PACKAGE.MODULE:NAME``, or a run's folder, whose predictions for the image are shown "
            "too.",
            in_python="a module",
        ),
    ]
    output: Annotated[
        str | Path | None, Doc("The file; the network's name with ``.html`` by default.")
    ] = None
    _: KW_ONLY
    image: Annotated[
        str | Path | None,
        Doc("A photograph to look at; a picture that comes with Striate by default."),
    ] = None
    against: Annotated[
        str | Path | Module | None, Doc("A second network, shown beside the first.")
    ] = None
    size: Size = None
    inputs: Inputs = None
    training: Training = False
    allow_code: AllowCode = False
