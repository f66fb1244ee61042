"""A detector as one ONNX file, proved on photographs before it counts."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from striate.deploy.detectors.fitting import check_fitting
from striate.deploy.detectors.graph import Judging, capture_rows, detector_graph
from striate.deploy.detectors.verify import Agreement, Picture, sample_pictures, verify
from striate.detection.exported import METADATA, NAMES
from striate.detection.pytorch import NetworkDetector
from striate.engines.exported import SUFFIX
from striate.engines.packages import need
from striate.errors import ExportError
from striate.support.files import WriteError, output_file, sweep, write_atomically

_LARGEST_FILE = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class DetectorReport:
    """What was written, and how well it agrees.

    Attributes:
        file: where it is.
        bytes: how large.
        network: its name.
        size: (height, width) of the network's input, to which the file brings any picture.
        classes: how many.
        judging: which boxes come out.
        verified: how well it agrees with PyTorch.
    """

    file: Path
    bytes: int
    network: str
    size: tuple[int, int]
    classes: int
    judging: Judging
    verified: Agreement

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "file": str(self.file), "size": list(self.size)}

    def summary(self) -> str:
        """What a person wants to know about the file, in a few lines."""
        height, width = self.size
        found, judging = self.verified, self.judging
        outputs = "boxes, float32 (n, 4); scores, float32 (n); classes, int64 (n)"
        rule = f"{judging.nms} suppression at {judging.iou:g}, scores above {judging.threshold:g}"
        told = f"{found.boxes} boxes found, none in {found.empty}"
        if judging.nms == "none":
            outputs = "boxes, float32 (n, 4); scores, float32 (n, classes)"
            rule, told = "no suppression: every box of every head", f"{found.boxes} boxes"
        differences = ", ".join(
            f"{found.scores[engine]:.1g} in {title}"
            for engine, title in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO"))
        )
        return "\n".join(
            [
                f"{self.file}",
                f"  {self.bytes / 1e6:.1f} MB, {self.network} at {width}×{height}, "
                f"{self.classes} classes",
                "  image: uint8 (1, height, width, 3), RGB, of any size",
                f"  {outputs}; in pixels of the image",
                f"  {rule}",
                f"  verified on {found.pictures} pictures ({told}): scores equal PyTorch's to "
                f"{differences}",
            ]
        )


def export_detector(
    detector: NetworkDetector,
    output: Path,
    judging: Judging,
    pictures: Sequence[Picture] | None = None,
) -> DetectorReport:
    """Write `detector` as an ONNX file; `detector_graph` says what it takes and gives.

    The file's metadata hold ``classes`` (a JSON list of names), ``detector`` (JSON: network,
    layout, decoding, input, suppression) and ``producer``.

    Args:
        detector: computes in PyTorch, on the processor.
        output: the file to write, ending in ``.onnx``; an older one stays until the new one is
            proved.
        judging: which boxes it gives.
        pictures: to prove it on; None for `sample_pictures`.

    Raises:
        ExportError: an engine is missing, the graph does not find what PyTorch finds, or the file
            cannot be written. Whatever was at `output` is then still there.
    """
    for package in ("onnx", "onnxruntime", "openvino"):
        need(package)
    check_fitting(detector.fitting)
    output = output_file(output, SUFFIX, kind=ExportError)
    sweep(output)
    rows = capture_rows(detector.network, detector.heads, detector.fitting.size)
    content = _content(rows, detector, judging, output)
    inner = detector_graph(rows, detector.fitting, judging, with_rows=True).SerializeToString()
    found = verify(content, inner, detector, judging, pictures or sample_pictures())
    try:
        write_atomically(output, content)
    except WriteError as error:
        raise ExportError(
            error.what, error.why, f"{error.remedy}, or choose another file"
        ) from error
    return DetectorReport(
        file=output,
        bytes=len(content),
        network=str(detector.settings.get("network", "detector")),
        size=detector.fitting.size,
        classes=len(detector.names),
        judging=judging,
        verified=found,
    )


def _content(rows: bytes, detector: NetworkDetector, judging: Judging, output: Path) -> bytes:
    """The file, with its metadata."""
    model = detector_graph(rows, detector.fitting, judging)
    ours = importlib.metadata.version("striate")
    model.producer_name, model.producer_version = "striate", ours
    told = {**detector.settings, **asdict(judging)}
    told.pop("weights", None)  # a path of this machine
    metadata = {
        NAMES: json.dumps(detector.names),
        METADATA: json.dumps(told),
        "producer": f"striate {ours}",
    }
    need("onnx").helper.set_model_props(model, metadata)
    if model.ByteSize() > _LARGEST_FILE:
        raise ExportError(str(output), "would be larger than 2 GiB", "which ONNX files cannot be")
    content: bytes = model.SerializeToString()
    return content
