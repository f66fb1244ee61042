"""State dicts of other repositories' YOLOv4, told apart by the names of their tensors.

All of them define their modules in Darknet's order, so that one reader takes the convolutions as
they come; what differs, and what no shape shows, is how their maps are read. A `Dialect` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from striate.detection.fitting import Fit, Sampling
from striate.detection.weights.order import Convolution, Norm

Decoding = Literal["darknet", "unscaled", "squared"]
"""``darknet``: exponential sizes, with the configuration's ``scale_x_y``; ``unscaled``: without it;
``squared``: Scaled-YOLOv4's sizes, and its scale of 2."""


@dataclass(frozen=True)
class Dialect:
    """What a repository's networks mean by the same numbers.

    Attributes:
        name: who wrote the file.
        decoding: how maps are read.
        fit: what becomes of pictures.
        sampling: how they are resized.
        grey: what fills a letterbox.
        epsilon: batch normalisation's.
    """

    name: str
    decoding: Decoding = "darknet"
    fit: Fit = "stretch"
    sampling: Sampling = "aligned"
    grey: float = 0.5
    epsilon: float = 1e-5


DARKNET = Dialect("Darknet")
STRIATE = Dialect("Striate")

#: A tensor that only this layout has, and what the layout means by it. Tianxiaomo's networks are
#: trained without scale, but the file that is published there was converted from Darknet's: nothing
#: in a file tells which it is.
LAYOUTS: Mapping[str, Dialect] = {
    "down1.conv1.conv.0.weight": Dialect("Tianxiaomo/pytorch-YOLOv4", sampling="bilinear"),
    "models.0.conv1.weight": Dialect(
        "Tianxiaomo/pytorch-YOLOv4, converted from Darknet", sampling="bilinear"
    ),
    "yolo_head3.1.weight": Dialect(
        "bubbliiiing/yolov4-pytorch", decoding="unscaled", sampling="bicubic"
    ),
    "yolo_headP5.1.weight": Dialect(
        "bubbliiiing/yolov4-tiny-pytorch", decoding="unscaled", sampling="bicubic"
    ),
    "module_list.0.Conv2d.weight": Dialect(
        "WongKinYiu/PyTorch_YOLOv4",
        decoding="squared",
        fit="letterbox",
        sampling="bilinear",
        grey=114 / 255,
        epsilon=1e-4,
    ),
}
#: What the first tensor is called in networks of this package.
_OURS = ("backbone.conv0.conv.weight", "conv0.conv.weight")


def dialect_of(state: Mapping[str, Tensor]) -> Dialect | None:
    """Whose layout `state` is in; None for one that is not known."""
    if any(name in state for name in _OURS):
        return STRIATE
    return next((found for name, found in LAYOUTS.items() if name in state), None)


def convolutions_in_order(state: Mapping[str, Tensor]) -> list[Convolution]:
    """The convolutions of a state dict, in the order in which it has them.

    Tensors that are part of none are left out: counters, anchors.
    """
    return list(_convolutions(state))


def _convolutions(state: Mapping[str, Tensor]) -> Iterator[Convolution]:
    kernel, path, vectors = None, "", dict[str, Tensor]()
    for name, value in state.items():
        if value.dim() == 4:
            if kernel is not None:
                yield _convolution(kernel, vectors)
            kernel, path, vectors = value.float(), name.removesuffix("weight"), {}
        elif value.dim() == 1:
            own = name.startswith(path) and path != ""
            vectors["own" if own else name.rpartition(".")[2]] = value.float()
    if kernel is not None:
        yield _convolution(kernel, vectors)


def _convolution(kernel: Tensor, vectors: Mapping[str, Tensor]) -> Convolution:
    names = ("bias", "weight", "running_mean", "running_var")
    if all(name in vectors for name in names):
        return Convolution(kernel, norm=Norm(*(vectors[name] for name in names)))
    return Convolution(kernel, bias=vectors.get("own"))
