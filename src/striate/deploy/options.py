"""What a person may decide about an exported file, and about measuring it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal

from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    OneRun,
    RunOrFile,
    ShowProgress,
)
from striate.support.tables import Bounds


@dataclass(frozen=True)
class ExportOptions(Options):
    """What a person may decide about an exported file."""

    run: OneRun
    output: Annotated[
        str | Path | None, Doc("The file; ``NETWORK.onnx`` in the run's folder by default.")
    ] = None
    _: KW_ONLY
    opset: Annotated[int | None, Doc("Version of the ONNX operators; 18 by default.")] = None
    input_name: Annotated[str, Doc("Name of the graph's input.")] = "image"
    output_name: Annotated[
        str | None,
        Doc("Name of its output; ``probabilities`` by default, ``value`` of a run of numbers."),
    ] = None
    dynamic: Annotated[
        Sequence[str],
        Doc(
            "Axes of the input that may differ from call to call: ``batch``, ``height``, "
            "``width``. The last two go together: without them the graph takes pictures of the "
            "network's own size, resized and cropped before as the run's pre-processing says."
        ),
    ] = ("batch", "height", "width")
    params: Annotated[
        bool, Doc("Whether the weights are in the file; without, they are inputs of the graph.")
    ] = True
    capture: Annotated[
        Literal["export", "trace", "script"],
        Doc(
            "How the graph is found: ``export`` (torch.export), or ``trace`` or ``script`` "
            "(TorchScript) for opsets from 12."
        ),
    ] = "export"
    preprocess: Annotated[
        bool,
        Doc(
            "Whether any uint8 image (batch, height, width, channels) goes in; without, only the "
            "network's own normalised float32 input."
        ),
    ] = True
    layout: Annotated[
        Literal["file", "triton", "ovms", "kserve"],
        Doc(
            "``file``, or a new folder for another server: ``triton``, ``ovms`` (OpenVINO Model "
            "Server) or ``kserve``; `output` is then that folder."
        ),
    ] = "file"
    cam: Annotated[
        bool,
        Doc(
            "Add an output ``heatmap``: where the picture speaks for the likeliest class, or for "
            "the one that is given as the input ``heatmap_class``; CAM, or Grad-CAM of networks "
            "with several dense layers."
        ),
    ] = False
    threshold: Annotated[
        float | None,
        Bounds(0, 1),
        Doc(
            "Add an output ``decision``: the number of the likeliest class, or -1, unsure, where "
            "its probability is lower than this. `predict` and `serve` call such an image unsure."
        ),
    ] = None
    int8: Annotated[
        bool,
        Doc(
            "Write ``NAME.int8.onnx`` beside the file, the same in 8 bits, as `quantise` does with "
            "its defaults and the run's own images, or none if it is outside the limits. The float "
            "file stays."
        ),
    ] = False
    progress: ShowProgress = False
    allow_code: AllowCode = False


@dataclass(frozen=True)
class BenchOptions(Options):
    """What a person may decide about measuring how fast a network is."""

    source: RunOrFile
    _: KW_ONLY
    data: Annotated[
        str | Path | None,
        Doc("Images to measure with from files to answers as well: a file, a folder or a glob."),
    ] = None
    images: Annotated[int, Bounds(1, MOST), Doc("The most files that are read.")] = 64
    seconds: Annotated[
        float,
        Bounds(0, 600, above=True),
        Doc("How long one measurement takes at least; there are five of each."),
    ] = 0.3
    allow_code: AllowCode = False
