"""What a person may decide about detecting, written once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args, get_origin

from striate.errors import StriateError, nearest, parameter
from striate.support.options import Doc, Options, options_of
from striate.support.shared_options import Device, ShowProgress, Workers
from striate.support.tables import Bounds

if TYPE_CHECKING:
    from striate.data.finding.inputs import Source
else:
    Source = object  # whose module imports NumPy and Pillow, which no help should wait for


Suppression = Annotated[
    Literal["greedy", "iou"] | None,
    Doc(
        "When two boxes of a class are one: ``greedy``, Darknet's rule, which looks at the "
        "distance of their centres as well; or ``iou``, by overlap alone. By default what "
        "`cfg` says, and ``greedy`` without one."
    ),
]
Limit = Annotated[
    float, Bounds(0, 1), Doc("A box with more in common with a surer one is dropped.")
]


@dataclass(frozen=True, kw_only=True)
class WeightsOptions(Options):
    """What a person may decide about weights, whatever they are opened for."""

    weights: Annotated[
        str | Path | None,
        Doc("The file of weights, where the name of a network stands in its place."),
    ] = None
    size: Annotated[
        int | tuple[int, int] | None,
        Doc(
            "Height and width of the network's input, multiples of 32; by default those of `cfg`, "
            "or the published ones (608 of yolov4, 416 of yolov4_tiny).",
            in_python="(height, width)",
        ),
    ] = None
    names: Annotated[
        str | Path | None,
        Doc("A file with a class name a line; by default COCO's names where there are 80 classes."),
    ] = None
    cfg: Annotated[
        str | Path | None,
        Doc(
            "A Darknet configuration, for weights that were trained with other anchors, another "
            "activation or another input than the authors' own."
        ),
    ] = None
    decoding: Annotated[
        Literal["darknet", "unscaled", "squared"] | None,
        Doc(
            "What the network's numbers mean: ``darknet``; ``unscaled``, without Darknet's "
            "``scale_x_y``, as for weights that were trained with Tianxiaomo's or bubbliiiing's "
            "code; or ``squared``, as in Scaled-YOLOv4. By default what wrote the file means."
        ),
    ] = None
    fit: Annotated[
        Literal["stretch", "letterbox"] | None,
        Doc(
            "What becomes of pictures of other proportions than the input: ``stretch``, or "
            "``letterbox``, filled up with grey. By default what wrote the file does."
        ),
    ] = None
    epsilon: Annotated[
        float | None,
        Bounds(0, 1, above=True, below=True),
        Doc("Batch normalisation's constant; by default that of what wrote the file."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class DetectorOptions(WeightsOptions):
    """What a person may decide about a detector, whatever it looks at."""

    precision: Annotated[
        Literal["float32", "bfloat16"],
        Doc(
            "``bfloat16`` is quicker where the processor has it, and changes boxes and scores a "
            "little."
        ),
    ] = "float32"
    device: Device = "cpu"


@dataclass(frozen=True)
class DetectOptions(DetectorOptions):
    """What a person may decide about detecting."""

    model: Annotated[
        str | Path,
        Doc(
            "A file of weights: Darknet's ``.weights``, or a state dict of Striate's or of another "
            "repository's YOLOv4; or an ONNX file that `export` made of one. With `weights`, the "
            "name of the network that these are of."
        ),
    ]
    images: Annotated[
        Source | Iterable[Source],
        Doc(
            "A file, a folder (with all images and videos below it, sorted), a glob, or several of "
            "them. Of a video, each frame is a picture.",
            in_python="Pillow images and NumPy arrays (uint8, (H, W) or (H, W, 1, 3 or 4), grey, "
            "RGB or RGBA)",
        ),
    ]
    _: KW_ONLY
    threshold: Annotated[
        float,
        Bounds(0, 1, below=True),
        Doc("A box counts whose objectness and whose score for a class are above it."),
    ] = 0.25
    nms: Suppression = None
    iou: Limit = 0.45
    output: Annotated[
        str | Path | None,
        Doc(
            "Where to draw the boxes into the pictures: an image file (.png, .jpg or .webp) for "
            "one picture, an .mp4 file for one video, a folder for several."
        ),
    ] = None
    workers: Workers = None
    stream: Annotated[
        bool,
        Doc(
            "Give what is found picture by picture, as it comes. `images` may then be an iterator "
            "without an end.",
            python_only=True,
        ),
    ] = False
    progress: Annotated[
        ShowProgress,
        Doc(
            "Count on standard error; how many pictures there are is found out first.",
            python_only=True,
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for each in options_of(DetectOptions):
            words = [word for part in (each.kind, *get_args(each.kind)) for word in _words(part)]
            given = getattr(self, each.name)
            if words and given is not None and given not in words:
                raise StriateError(
                    parameter(each.name, given),
                    "there is no such choice",
                    nearest(str(given), words),
                )


def _words(kind: object) -> tuple[str, ...]:
    """The words that an option may be, where it is one of a few."""
    return get_args(kind) if get_origin(kind) is Literal else ()
