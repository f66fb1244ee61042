"""A detector that PyTorch computes: a network with its weights, and what its maps mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from striate.detection.boxes import Boxes
from striate.detection.decode import candidates, decode
from striate.detection.detector import Choice, Detector
from striate.detection.fitting import Fitting, Placed
from striate.detection.suppression import Rule, suppress
from striate.zoo.darknet import Unit
from striate.zoo.yolo_head import YOLOHead
from striate.zoo.yolov4 import Detector as DetectorNetwork


@dataclass(frozen=True)
class Input:
    """A prepared picture: its values, its place in the input, and its (height, width)."""

    values: torch.Tensor
    place: Placed
    size: tuple[int, int]


class NetworkDetector(Detector[Input]):
    """A detector that PyTorch computes.

    Args:
        network: with its weights; its batch normalisation is folded into its convolutions.
        heads: how its maps are read.
        fitting: how pictures become inputs.
        names: of its classes.
        told: what else `settings` says: the file, the dialect.
        device: where it computes.
        precision: ``float32`` or ``bfloat16``, in which operators compute that gain by it.
        batch_size: the most pictures that are computed together.
        rule: how its boxes are suppressed, where nobody chooses.
    """

    def __init__(
        self,
        network: DetectorNetwork,
        heads: Sequence[YOLOHead],
        fitting: Fitting,
        names: tuple[str, ...],
        *,
        told: dict[str, Any] | None = None,
        device: str | torch.device = "cpu",
        precision: str = "float32",
        batch_size: int = 1,
        rule: Rule = "greedy",
    ) -> None:
        self.device, self.precision = torch.device(device), precision
        moved = folded(network.eval()).to(device=self.device)
        # Module.to with a memory format alone is missing from the stubs of older releases.
        self.network = moved.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, unused-ignore]
        self.heads, self.fitting, self.names = tuple(heads), fitting, names
        self.batch_size, self.rule = batch_size, rule
        self._told = told or {}

    @property
    def settings(self) -> dict[str, Any]:
        """See `Detector.settings`."""
        fitting = self.fitting
        return {
            **self._told,
            "classes": len(self.names),
            "size": list(fitting.size),
            "fit": fitting.fit,
            "sampling": fitting.sampling,
            "scales": [head.scale for head in self.heads],
            "sizes": self.heads[0].sizes,
            "precision": self.precision,
        }

    def prepare(self, image: NDArray[np.uint8]) -> Input:
        """See `Detector.prepare`."""
        values, place = self.fitting(image)
        return Input(values, place, (image.shape[0], image.shape[1]))

    def rows(self, values: torch.Tensor) -> NDArray[np.float32]:
        """Inputs, float32 (N, 3, H, W), as `decode` gives their boxes: (N, boxes, 5 + classes)."""
        inputs = values.to(self.device).contiguous(memory_format=torch.channels_last)
        bfloat16 = self.precision == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16),
        ):
            maps = self.network(inputs)
        with torch.inference_mode():
            found: NDArray[np.float32] = decode(maps, self.heads).cpu().numpy()
        return found

    def compute(self, prepared: Sequence[Input], choice: Choice) -> list[Boxes]:
        """See `Detector.compute`."""
        rows = self.rows(torch.stack([each.values for each in prepared]))
        pairs = zip(rows, prepared, strict=True)
        return [chosen(each, picture.place, picture.size, choice) for each, picture in pairs]


def folded(network: DetectorNetwork) -> DetectorNetwork:
    """`network`, in evaluation mode, with batch normalisation within the convolution before it.

    A twentieth of the time less; the last digits of scores change.
    """
    for module in network.modules():
        if isinstance(module, Unit) and isinstance(module.bn, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()  # type: ignore[assignment]
    return network


def chosen(
    rows: NDArray[np.float32], place: Placed, size: tuple[int, int], choice: Choice
) -> Boxes:
    """The boxes of one picture that count.

    Args:
        rows: float32 (boxes, 5 + classes), as `decode` gives them.
        place: where the picture lies in the input.
        size: its (height, width).
        choice: which count.

    Returns:
        Boxes in pixels, cut at the picture's edges, the surest first.
    """
    found = candidates(rows, choice.threshold)
    parts = place.of_picture(found.xyxy)
    pixels = parts * np.array([size[1], size[0]] * 2, np.float32)
    measured = pixels if choice.in_pixels else parts
    rule = choice.rule or "greedy"
    stays = suppress(measured, found.scores, found.classes, rule=rule, limit=choice.limit)
    return Boxes(pixels, found.scores, found.classes).take(stays).clipped(size)
