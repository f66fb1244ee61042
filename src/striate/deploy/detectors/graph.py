"""The graph of a detector: from a picture of any size to boxes in its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from striate.deploy.detectors.fitting import Place, fit_nodes
from striate.deploy.detectors.suppression import Candidates, stays_nodes
from striate.detection.decode import decode
from striate.detection.fitting import Fitting
from striate.engines.capture import GraphOptions, capture_somehow
from striate.engines.packages import need
from striate.engines.preprocessing.nodes import Nodes, Value
from striate.zoo.yolo_head import YOLOHead

if TYPE_CHECKING:
    import onnx

IMAGE, BOXES, SCORES, CLASSES = "image", "boxes", "scores", "classes"
"""Names of the graph's ends."""
THRESHOLD, LIMIT = "threshold", "iou"
"""Inputs that have a default: float32, without an axis."""

MOST = 4096
"""Of so many candidates, the surest of all classes, some are chosen; photographs have hundreds."""

_INPUT = "/fit/input"
ROWS = "/decode/rows"
"""The decoded rows, (1, boxes, 5 + classes), as `striate.detection.decode.decode` gives them."""

Suppression = Literal["greedy", "iou", "none"]
"""A rule of `striate.detection.suppression`, or ``none``: every box of every head, unjudged."""


@dataclass(frozen=True, kw_only=True)
class Judging:
    """Which boxes a graph gives.

    Attributes:
        threshold: the score that a box has to exceed.
        nms: which of those that answer for the same thing stay.
        iou: a box that has more in common with a surer one is dropped.
    """

    threshold: float
    nms: Suppression
    iou: float


class Rows(nn.Module):
    """A network and the decoding of its heads' maps: (N, 3, h, w) to (N, boxes, 5 + classes)."""

    def __init__(self, network: nn.Module, heads: Sequence[YOLOHead]) -> None:
        super().__init__()
        self.network, self.heads = network, tuple(heads)

    def forward(self, x: Tensor) -> Tensor:
        """See `striate.detection.decode.decode`."""
        return decode(self.network(x), self.heads)


def capture_rows(network: nn.Module, heads: Sequence[YOLOHead], size: tuple[int, int]) -> bytes:
    """The network and the decoding as a graph, which `detector_graph` goes on from.

    Args:
        network: from (1, 3, height, width), numbers from 0 to 1, to the maps of its heads.
        heads: how these are read.
        size: (height, width) of the network's input.

    Raises:
        ExportError: PyTorch cannot capture it.
    """
    example = torch.zeros(1, 3, *size)
    options = GraphOptions(input_name=_INPUT, output_name=ROWS, dynamic=())
    with torch.inference_mode():
        model = capture_somehow(Rows(network, heads).eval(), example, {}, options)
    content: bytes = model.SerializeToString()
    return content


def detector_graph(
    rows: bytes, fitting: Fitting, judging: Judging, *, with_rows: bool = False
) -> onnx.ModelProto:
    """The whole graph.

    It takes ``image``, uint8 (1, H, W, 3), RGB, of any size, and, where they are given, other
    values for ``threshold`` and ``iou``. It gives ``boxes``, float32 (n, 4), left, top, right and
    bottom in pixels of the image; ``scores``, float32 (n,); ``classes``, int64 (n,); the surest
    first, cut off at its edges. Without suppression it gives ``boxes`` (N, 4), all that there are
    and whole, and ``scores`` (N, classes).

    Args:
        rows: of `capture_rows`.
        fitting: how an image becomes the network's input.
        judging: which boxes come out.
        with_rows: whether the decoded rows come out as well, last.
    """
    package = need("onnx")
    kinds, info = package.TensorProto, package.helper.make_tensor_value_info
    model: onnx.ModelProto = package.load_from_string(rows)
    graph = model.graph
    opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    before, after = Nodes(opset, "/fit"), Nodes(opset, "/boxes")
    place = fit_nodes(before, before.value(IMAGE), fitting, _INPUT)
    found = _found(after, place, judging)
    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*before.initializers, *after.initializers])
    shown = [_end(graph.output[0])] if with_rows else []
    del graph.input[:]
    graph.input.append(info(IMAGE, kinds.UINT8, [1, "height", "width", 3]))
    if judging.nms != "none":
        for name, value in ((THRESHOLD, judging.threshold), (LIMIT, judging.iou)):
            graph.input.append(info(name, kinds.FLOAT, []))
            default = np.array(value, np.float32)
            graph.initializer.append(package.numpy_helper.from_array(default, name))
    del graph.output[:]
    graph.output.extend([*found, *shown])
    return model


def _end(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    kept: onnx.ValueInfoProto = need("onnx").ValueInfoProto()
    kept.CopyFrom(value)
    return kept


def _found(graph: Nodes, place: Place | None, judging: Judging) -> list[onnx.ValueInfoProto]:
    """The nodes from the decoded rows to what comes out, and that."""
    kinds, info = need("onnx").TensorProto, need("onnx").helper.make_tensor_value_info
    rows = graph.add("Squeeze", graph.value(ROWS), np.array([0], np.int64))
    xyxy, scores = _corners(graph, rows, place), graph.part(rows, 1, 5, 2**31 - 1)
    if judging.nms == "none":
        graph.add("Mul", xyxy, _size(graph), name=BOXES)
        graph.add("Identity", scores, name=SCORES)
        return [
            info(BOXES, kinds.FLOAT, ["candidates", 4]),
            info(SCORES, kinds.FLOAT, ["candidates", "classes"]),
        ]
    chosen = _candidates(graph, xyxy, scores)
    stays = stays_nodes(graph, chosen, graph.value(LIMIT), rule=judging.nms)
    sides = [
        graph.add("Unsqueeze", graph.add("Gather", side, stays, axis=0), np.array([1], np.int64))
        for side in chosen.sides
    ]
    most = _size(graph)
    pixels = graph.largest(graph.concatenate(sides, 1) * most, np.array(0, np.float32))
    graph.add("Min", pixels, most, name=BOXES)
    graph.add("Gather", chosen.scores, stays, axis=0, name=SCORES)
    graph.add("Gather", chosen.classes, stays, axis=0, name=CLASSES)
    return [
        info(BOXES, kinds.FLOAT, ["found", 4]),
        info(SCORES, kinds.FLOAT, ["found"]),
        info(CLASSES, kinds.INT64, ["found"]),
    ]


def _corners(graph: Nodes, rows: Value, place: Place | None) -> Value:
    """float32 (N, 4), left, top, right and bottom as parts of the picture."""
    centre = graph.part(rows, 1, 0, 2)
    half = graph.part(rows, 1, 2, 4) * np.array(0.5, np.float32)
    xyxy = graph.concatenate([centre - half, centre + half], 1)
    return xyxy if place is None else place.of_picture(graph, xyxy)


def _candidates(graph: Nodes, xyxy: Value, scores: Value) -> Candidates:
    """Every box with every class whose score exceeds the threshold, the surest first.

    A score is objectness times a probability, so that objectness exceeds the threshold with it.
    """
    over = graph.add("Greater", scores, graph.value(THRESHOLD))
    places = graph.add("Transpose", graph.add("NonZero", over), perm=[1, 0])
    row, label = (graph.reshape(graph.part(places, 1, k, k + 1), -1) for k in (0, 1))
    score = graph.add("GatherND", scores, places)
    score = graph.concatenate([score, np.zeros(1, np.float32)], 0)
    label = graph.concatenate([label, np.full(1, -1, np.int64)], 0)
    row = graph.concatenate([row, np.zeros(1, np.int64)], 0)
    count = graph.add("Shape", score)
    score, order = _surest(graph, score, graph.least(count, np.array([MOST + 1], np.int64)))
    boxes = graph.add("Gather", xyxy, graph.add("Gather", row, order, axis=0), axis=0)
    left, top, right, bottom = (graph.reshape(graph.part(boxes, 1, k, k + 1), -1) for k in range(4))
    return Candidates((left, top, right, bottom), score, graph.add("Gather", label, order, axis=0))


def _surest(graph: Nodes, scores: Value, count: Value) -> tuple[Value, Value]:
    """The `count` highest scores, highest first, and their places."""
    title = f"{graph.prefix}/TopK_{len(graph.nodes)}"
    outputs = [f"{title}_values", f"{title}_indices"]
    node = need("onnx").helper.make_node(
        "TopK", [scores.name, count.name], outputs, name=title, axis=0
    )
    graph.nodes.append(node)
    return graph.value(outputs[0]), graph.value(outputs[1])


def _size(graph: Nodes) -> Value:
    """float32 (4,): width, height, width and height of the picture."""
    shape = graph.cast(graph.add("Shape", graph.value(IMAGE)), np.float32)
    height, width = (graph.part(shape, 0, axis, axis + 1) for axis in (1, 2))
    return graph.concatenate([width, height, width, height], 0)
