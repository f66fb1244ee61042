"""Heat maps of files that have them as an output: where a picture speaks for a class.

The output is made by nodes that stand beside those of the probabilities. Who only wants
probabilities has a file without them, so that they cost nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.engines.messages import brief
from striate.engines.onnx_bytes import OnnxFile, read_onnx, write_onnx
from striate.engines.packages import need
from striate.engines.seam import nodes_behind
from striate.engines.session import Pixels, channels_first, in_one_line
from striate.errors import ExportError
from striate.support.closing import Closable
from striate.support.processors import processor_threads

HEAT_MAP = "heatmap"
"""The output's name, and the key of the metadata that describe it."""
OF_CLASS = "heatmap_class"
"""The input that says of which class: int64 (1,), of all images."""
THE_LIKELIEST = -1
"""The default of that input."""

Maps = NDArray[np.float32]
"""float32 (n, h, w): a number for each position of the last feature map of each image, above 0
where it speaks for the class, below where against it."""

Laid = tuple[tuple[float, float], tuple[float, float]]
"""Where the positions of a map lie over what the network sees, along height and along width: the
pixel at the middle of the first, and how many pixels neighbours are apart. Padding shifts them:
those of ResNet's last map begin at pixel 0, not in the middle of its first 32."""


def with_outputs(file: OnnxFile, names: list[str], *, chosen: bool = False) -> bytes:
    """`file` with some of its outputs, and with what they need.

    Args:
        file: an exported file.
        names: of outputs.
        chosen: whether the class of a heat map is an input like others; else it is the default.
    """
    pairs = [(node.reads, node.makes) for node in file.nodes]
    kept = [file.nodes[number] for number in nodes_behind(pairs, names)]
    outputs = [each for each in file.outputs if each.name in names]
    if not chosen:
        return write_onnx(file, kept, file.inputs, outputs)
    constants = {key: raw for key, raw in file.initialisers.items() if key != OF_CLASS}
    asked = [each for each in file.defaulted if each.name == OF_CLASS]
    return write_onnx(replace(file, initialisers=constants), kept, [*file.inputs, *asked], outputs)


class HeatMaps(Closable):
    """Heat maps of pictures, in ONNX Runtime.

    Args:
        graph: as `with_class` makes it.
        planes: whether it takes pixels with their channels first.

    Raises:
        ExportError: ONNX Runtime is missing, or cannot run the graph.
    """

    def __init__(self, graph: bytes, *, planes: bool) -> None:
        runtime = need("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.intra_op_num_threads = processor_threads(1)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        with in_one_line("ONNX Runtime"):
            self._session = runtime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        self._planes = planes
        self._image = next(
            each.name for each in self._session.get_inputs() if each.name != OF_CLASS
        )

    def of(self, pixels: Pixels, label: int = THE_LIKELIEST) -> Maps:
        """The maps of a batch.

        Args:
            pixels: uint8 (n, height, width, channels), as the file's session takes them.
            label: the number of a class; `THE_LIKELIEST`: that of each image.

        Raises:
            ExportError: the engine fails.
        """
        given = channels_first(pixels) if self._planes else pixels
        inputs: Mapping[str, NDArray[Any]] = {
            self._image: given,
            OF_CLASS: np.array([label], np.int64),
        }
        with in_one_line("ONNX Runtime"):
            found: Maps = self._session.run(None, inputs)[0]
        return found

    def close(self) -> None:
        """Free the graph."""
        vars(self).pop("_session", None)


def grid_of(name: str, file: OnnxFile) -> tuple[int, int] | None:
    """Height and width of the heat maps of the `file` called `name`; None where it has none.

    Raises:
        ExportError: its metadata are damaged.
    """
    if HEAT_MAP not in file.metadata:
        return None
    try:
        height, width = map(int, json.loads(file.metadata[HEAT_MAP])["grid"])
        found = {each.name for each in file.outputs}, {each.name for each in file.defaulted}
        if height < 1 or width < 1 or HEAT_MAP not in found[0] or OF_CLASS not in found[1]:
            raise ValueError("it has no such output")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ExportError(
            name, f"has damaged metadata (of its heat maps: {brief(error)})"
        ) from error
    return height, width


def laid_in(metadata: Mapping[str, str]) -> Laid | None:
    """Where the positions of a file's heat maps lie; None where it does not hold that.

    Args:
        metadata: of a file, in which `grid_of` has found heat maps.
    """
    try:
        (top, down), (left, across) = json.loads(metadata[HEAT_MAP])["laid"]
        found = (float(top), float(down)), (float(left), float(across))
        whole = all(math.isfinite(each) for axis in found for each in axis)
        return found if whole and min(down, across) >= 1 else None
    except (ValueError, TypeError, KeyError):
        return None


def with_class(network: bytes) -> bytes:
    """The part of the file `network` that computes heat maps, of a class that is an input."""
    return with_outputs(read_onnx(network), [HEAT_MAP], chosen=True)


def without_heat_maps(content: bytes) -> bytes:
    """The file `content` without its heat maps; itself where it has none."""
    file = read_onnx(content)
    if HEAT_MAP not in file.metadata:
        return content
    return with_outputs(file, [each.name for each in file.outputs if each.name != HEAT_MAP])
