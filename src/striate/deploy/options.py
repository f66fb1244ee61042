"""What a person may decide about an exported file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal

from striate.support.options import Doc, Options
from striate.support.shared_options import AllowCode


@dataclass(frozen=True)
class ExportOptions(Options):
    """What a person may decide about an exported file."""

    run: Annotated[str | Path, Doc("A run's folder.")]
    output: Annotated[
        str | Path | None, Doc("The file; ``NETWORK.onnx`` in the run's folder by default.")
    ] = None
    _: KW_ONLY
    opset: Annotated[int | None, Doc("Version of the ONNX operators; 18 by default.")] = None
    input_name: Annotated[str, Doc("Name of the graph's input.")] = "image"
    output_name: Annotated[str, Doc("Name of its output.")] = "probabilities"
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
    allow_code: AllowCode = False
