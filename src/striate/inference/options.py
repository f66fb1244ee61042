"""What a person may decide about predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import AllowCode, Device, ShowProgress, Workers
from striate.support.tables import Bounds

if TYPE_CHECKING:
    from striate.data.finding.inputs import Source
else:
    Source = object  # whose module imports NumPy and Pillow, which no help should wait for


@dataclass(frozen=True)
class PredictOptions(Options):
    """What a person may decide about predictions."""

    run: Annotated[str | Path, Doc("A run's folder, or an ONNX file that `export` wrote.")]
    images: Annotated[
        Source | Iterable[Source],
        Doc(
            "A file, a folder (with all images below it, sorted), a glob, or several of them.",
            in_python="Pillow images and NumPy arrays (uint8, (H, W) or (H, W, 1, 3 or 4), grey, "
            "RGB or RGBA)",
        ),
    ]
    _: KW_ONLY
    top: Annotated[int, Bounds(1, MOST), Doc("How many classes an image.")] = 5
    workers: Workers = None
    device: Device = "cpu"
    stream: Annotated[
        bool,
        Doc(
            "Give predictions one by one as they come. `images` may then be an iterator without an "
            "end, such as the frames of a camera, of which a few are asked for at a time.",
            python_only=True,
        ),
    ] = False
    progress: Annotated[
        ShowProgress,
        Doc(
            "Count on standard error; how many images there are is found out first.",
            python_only=True,
        ),
    ] = False
    allow_code: AllowCode = False
