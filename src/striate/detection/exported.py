"""A detector that is an ONNX file which `striate export` wrote; PyTorch is not loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from striate.detection.boxes import Boxes
from striate.detection.detector import Choice, Detector
from striate.detection.names import read_names
from striate.detection.suppression import Rule, suppress
from striate.engines.exported import DETECTOR
from striate.engines.graphs import Engine, Graph
from striate.engines.messages import brief
from striate.engines.onnx_bytes import read_onnx
from striate.errors import ExportError, parameter
from striate.support.paths import expanded, read_file, shown

METADATA = DETECTOR
"""The key of the metadata that hold what `Detector.settings` says, as JSON."""
NAMES = "classes"
"""That of the classes' names, as other exported files have it."""

Pixels = NDArray[np.uint8]


class ExportedDetector(Detector[Pixels]):
    """A detector's file in an engine.

    Args:
        path: the file.
        names: a file with the names of its classes, in place of those within.
        engine: ONNX Runtime, or OpenVINO, which takes no other thresholds than the file's own.

    Raises:
        ExportError: there is no such file, it is damaged, or is no detector of ours.
        DataError: there are other names than classes.
    """

    def __init__(
        self,
        path: str | Path,
        names: str | Path | None = None,
        *,
        engine: Engine = "onnxruntime",
    ) -> None:
        file = expanded(path, kind=ExportError)
        content, told, own = _read(file)
        self.file, self.engine = file, engine
        self.names = tuple(own) if names is None else read_names(names, len(own))
        self._told = told if names is None else {**told, "names": str(names)}
        self.nms: Rule | Literal["none"] = told["nms"]
        self.any_rule = self.nms == "none"
        self.rule = "greedy" if self.nms == "none" else self.nms
        self._graph = Graph(content, engine)

    @property
    def settings(self) -> dict[str, Any]:
        """See `Detector.settings`."""
        return {**self._told, "weights": str(self.file), "precision": f"{self.engine} float32"}

    def prepare(self, image: Pixels) -> Pixels:
        """See `Detector.prepare`."""
        return image.copy()

    def compute(self, prepared: Sequence[Pixels], choice: Choice) -> list[Boxes]:
        """See `Detector.compute`.

        Raises:
            ExportError: the file suppresses boxes by another rule.
        """
        if self.any_rule:
            return [self._chosen(each, choice) for each in prepared]
        self._check(choice)
        limits = {
            "threshold": np.array(choice.threshold, np.float32),
            "iou": np.array(choice.limit, np.float32),
        }
        found = (self._graph.run({"image": each[None], **limits}) for each in prepared)
        return [Boxes(each["boxes"], each["scores"], each["classes"]) for each in found]

    def _check(self, choice: Choice) -> None:
        """Raise for what is decided within the file already."""
        what, why = "", f"is decided within {shown(self.file)}, which has"
        if choice.rule != self.nms:
            what, why = parameter("nms", choice.rule), f"{why} {self.nms}"
        elif self.engine == "openvino" and choice.limit != self._told["iou"]:
            what, why = parameter("iou", choice.limit), f"{why} {self._told['iou']:g}"
        elif self.engine == "openvino" and choice.threshold != self._told["threshold"]:
            what = parameter("threshold", choice.threshold)
            why = f"{why} {self._told['threshold']:g}"
        if what:
            raise ExportError(what, why, "leave it out, or export with it")

    def _chosen(self, image: Pixels, choice: Choice) -> Boxes:
        """The boxes of a picture, of a file that gives every box there is."""
        found = self._graph.run({"image": image[None]})
        row, label = np.nonzero(found["scores"] > choice.threshold)
        boxes = Boxes(found["boxes"][row], found["scores"][row, label], label.astype(np.int64))
        height, width = image.shape[:2]
        scale = np.array([1 if choice.in_pixels else side for side in (width, height) * 2])
        measured = (boxes.xyxy / scale).astype(np.float32)
        stays = suppress(
            measured, boxes.scores, boxes.classes, rule=choice.rule or self.rule, limit=choice.limit
        )
        return boxes.take(stays).clipped((height, width))

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


def _read(file: Path) -> tuple[bytes, dict[str, Any], list[str]]:
    """A file, its settings and its classes' names."""
    what = shown(file)
    try:
        content = read_file(file, kind=ExportError)
        model = read_onnx(content)
    except FileNotFoundError as error:
        raise ExportError(what, "there is no such file", "check the path") from error
    except ValueError as error:
        raise ExportError(what, f"is no sound ONNX file ({brief(error)})") from error
    if model.scattered:
        raise ExportError(what, "keeps its weights in other files", "export it as one file")
    return content, *_metadata(what, model.metadata)


def _metadata(what: str, metadata: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    if not {METADATA, NAMES} <= metadata.keys():
        raise ExportError(
            what,
            "is no detector that Striate exported",
            "give weights, or a file that `striate export` made of them",
        )
    try:
        told, names = json.loads(metadata[METADATA]), json.loads(metadata[NAMES])
        sound = (
            isinstance(told, dict)
            and told.get("nms") in ("greedy", "iou", "none")
            and all(isinstance(told.get(key), int | float) for key in ("threshold", "iou"))
            and isinstance(told.get("size"), list)
            and isinstance(names, list)
            and all(isinstance(each, str) for each in names)
        )
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise ExportError(what, "has damaged metadata", "export it again")
    return told, names


def is_detector_file(path: Path) -> bool:
    """Whether a file is an ONNX file with the metadata of a detector."""
    try:
        return METADATA in read_onnx(read_file(path, kind=ExportError)).metadata
    except (FileNotFoundError, ValueError, ExportError):
        return False
