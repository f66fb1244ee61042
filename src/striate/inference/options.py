"""What a person may decide about predictions: a few to be read, or a great many to be kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    ChosenCrops,
    ChosenScales,
    Device,
    ReducedDecoding,
    RunOrFile,
    ShowProgress,
    Workers,
)
from striate.support.tables import Bounds

if TYPE_CHECKING:
    from striate.data.finding.inputs import Source
else:
    Source = object  # whose module imports NumPy and Pillow, which no help should wait for


HeatMapMethod = Annotated[
    str,
    Doc(
        "How to find what speaks for a class or moves a number: ``cam``, exact, of networks that "
        "end in an average over positions and one dense layer; ``grad-cam``, by gradients at the "
        "last feature map; ``occlusion``, by covering one part of a picture after the other, of "
        "anything that answers; or ``auto``, the first of them that is possible."
    ),
]
HeatMapWindow = Annotated[
    int | None,
    Bounds(1, MOST),
    Doc(
        "Occlusion's grey square: its side in pixels of the network's input; by default a fifth of "
        "the shorter side."
    ),
]
HeatMapStride = Annotated[
    int | None,
    Bounds(1, MOST),
    Doc("Pixels by which occlusion's square moves; by default a third of its side."),
]


Threshold = Annotated[
    float | None,
    Bounds(0, 1),
    Doc(
        "Call an image unsure whose likeliest class has a lower probability; by default what a "
        "file was exported with, and otherwise none."
    ),
]


@dataclass(frozen=True)
class PredictOptions(Options):
    """What a person may decide about predictions."""

    run: RunOrFile
    images: Annotated[
        Source | Iterable[Source],
        Doc(
            "A file, a folder (with all images below it, sorted), a glob, or several of them.",
            in_python="Pillow images, NumPy arrays ((H, W) or (H, W, 1, 3 or 4), grey, RGB or "
            "RGBA) and tensors ((1, 3 or 4, H, W)); whole numbers from 0 to 255, others from 0 to "
            "1",
        ),
    ]
    _: KW_ONLY
    top: Annotated[int, Bounds(1, MOST), Doc("How many classes an image.")] = 5
    crops: ChosenCrops = "center"
    scales: ChosenScales = None
    heatmap: Annotated[
        str | Path | None,
        Doc(
            "Where to draw, over each picture, what speaks for its class, or raises and lowers its "
            "number: an image file (.png, .jpg or .webp) for one picture, a folder for several."
        ),
    ] = None
    heatmap_class: Annotated[
        str | None, Doc("The class that is drawn; by default each picture's likeliest.")
    ] = None
    heatmap_target: Annotated[
        str | None,
        Doc("Of a run of numbers: the one whose map is drawn; by default the first."),
    ] = None
    heatmap_method: HeatMapMethod = "auto"
    heatmap_window: HeatMapWindow = None
    heatmap_stride: HeatMapStride = None
    threshold: Threshold = None
    csv: Annotated[
        str | Path | None,
        Doc(
            "A CSV file to write, a line for each image: its path, its label, the predicted class "
            "and its probability, whether that is right, whether it is unsure, why it cannot be "
            "read, and the probability of every class. The label is the nearest folder that is "
            "called as a class, of those that lie in what was named, that folder itself, or a "
            "file's own. Of a run of numbers: its path, why it cannot be read, and each value with "
            "the ends of its prediction intervals."
        ),
    ] = None
    workers: Workers = None
    reduced_decoding: ReducedDecoding = False
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


@dataclass(frozen=True)
class ExplainPredictionOptions(Options):
    """What a person may decide about the explanation of one prediction."""

    run: RunOrFile
    image: Annotated[Source, Doc("A file, a Pillow image or a NumPy array, as for `predict`.")]
    class_: Annotated[str | None, Doc("The class to explain; by default the likeliest.")] = None
    _: KW_ONLY
    target: Annotated[
        str | None, Doc("Of a run of numbers: the one to explain; by default the first.")
    ] = None
    method: HeatMapMethod = "auto"
    window: HeatMapWindow = None
    stride: HeatMapStride = None
    device: Device = "cpu"
    progress: ShowProgress = False
    allow_code: AllowCode = False


INPUT = Doc(
    "What to predict in bulk, into `output`: a folder, with all images below it; a text file "
    "with a path a line, or ``-`` for standard input; or a CSV, TSV or Parquet file with a "
    "column of paths and, maybe, one of labels."
)
OUTPUT = Doc(
    "The folder for the Parquet files of predictions; one that was begun with the same model "
    "and images goes on."
)
BulkEngine = Annotated[
    Literal["local", "ray"],
    Doc(
        "Who predicts in bulk: ``local``, this process; or ``ray``, Ray Data, on this machine or, "
        "with RAY_ADDRESS, on all of a cluster, with the same bytes."
    ),
]
Embeddings = Annotated[
    bool, Doc("Write what the classifier sees of each image, too; only of a run.")
]
FileColumn = Annotated[
    str | None,
    Doc(
        "The column of paths in a table; by default ``file``, ``path``, ``filename``, ``image`` …."
    ),
]
LabelColumn = Annotated[
    str | None,
    Doc("The column of labels in a table; by default ``label``, ``class`` …, if there is one."),
]
Root = Annotated[
    str | Path | None,
    Doc(
        "Where relative paths of a list or a table begin; by default the folder that it lies in, "
        "and for standard input the current one."
    ),
]
ShardSize = Annotated[
    int,
    Bounds(1, MOST),
    Doc("Images a Parquet file, of which at most one is lost where a job is killed."),
]
SHARD_SIZE = 4096


@dataclass(frozen=True)
class BulkOptions(Options):
    """What a person may decide about predictions that are too many to be read."""

    run: Annotated[str | Path, Doc("A run's folder, or an ONNX file that `export` wrote.")]
    input: Annotated[str | Path, INPUT]
    output: Annotated[str | Path, OUTPUT]
    _: KW_ONLY
    engine: BulkEngine = "local"
    embeddings: Embeddings = False
    crops: ChosenCrops = "center"
    scales: ChosenScales = None
    threshold: Threshold = None
    file_column: FileColumn = None
    label_column: LabelColumn = None
    root: Root = None
    shard_size: ShardSize = SHARD_SIZE
    workers: Workers = None
    reduced_decoding: ReducedDecoding = False
    device: Device = "cpu"
    progress: ShowProgress = False
    allow_code: AllowCode = False
