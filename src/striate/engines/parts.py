"""Files of several networks that see different pixels of an image: a seam for each.

Such a file has, for each pre-processing, a tensor like `striate.engines.seam.PIXELS` and one with
the answers that are computed behind it; its metadata name both. Whoever fits images himself
cuts it at each seam, and takes the mean of what is behind.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from striate.data.preprocessing import Preprocessing
from striate.engines.messages import brief
from striate.engines.onnx_bytes import OnnxFile
from striate.engines.seam import cut_at
from striate.errors import ExportError, StriateError

PARTS = "parts"
"""The key of the metadata that holds them, JSON."""
TEMPERATURE = "temperature"
"""The key of what the logarithms of their mean are divided by, JSON."""
_SUM = 1e-6


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """One of several networks in a file.

    Attributes:
        pixels: the tensor that it takes, uint8 (batch, channels, height, width).
        answers: the tensor that it gives, float32 (batch, K).
        share: of them in the mean.
        preprocessing: what becomes of an image before it.
    """

    pixels: str
    answers: str
    share: float
    preprocessing: Preprocessing

    def to_json(self) -> dict[str, Any]:
        """Plain values for the metadata."""
        return {**vars(self), "preprocessing": self.preprocessing.to_dict()}

    def cut(self, file: OnnxFile) -> tuple[bytes, bytes]:
        """What makes its pixels of images, and the network behind, each as a file.

        Raises:
            ExportError: `file` has no such seam.
        """
        return cut_at(file, self.pixels, [file.between[self.answers]])


def parts_of(name: str, file: OnnxFile) -> tuple[tuple[FilePart, ...], float]:
    """The parts of the `file` called `name`, none of most files, and the temperature of their mean.

    Raises:
        ExportError: its metadata are damaged.
    """
    if PARTS not in file.metadata:
        return (), 1.0
    try:
        found = tuple(_part(each, file) for each in json.loads(file.metadata[PARTS]))
        temperature = float(json.loads(file.metadata.get(TEMPERATURE, "1")))
        whole = abs(sum(each.share for each in found) - 1) < _SUM
        if not (whole and 0 < temperature < math.inf):
            raise ValueError("its shares are none")
    except (ValueError, TypeError, KeyError, RecursionError, StriateError) as error:
        raise ExportError(name, f"has damaged metadata (of its parts: {brief(error)})") from error
    return found, temperature


def _part(values: dict[str, Any], file: OnnxFile) -> FilePart:
    if not isinstance(values["preprocessing"], dict):
        raise ValueError("one has no pre-processing")
    found = FilePart(
        pixels=str(values["pixels"]),
        answers=str(values["answers"]),
        share=float(values["share"]),
        preprocessing=Preprocessing.from_dict(values["preprocessing"]),
    )
    if not {found.pixels, found.answers} <= file.between.keys() or not found.share > 0:
        raise ValueError("there are no such tensors")
    return found
