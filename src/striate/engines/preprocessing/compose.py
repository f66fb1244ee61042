"""A captured network with the pre-processing of its run in front of it, as one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.data.preprocessing import Preprocessing
from striate.engines.packages import need
from striate.engines.preprocessing.graph import fit_nodes, normalise_nodes, to_planes
from striate.engines.preprocessing.nodes import Nodes
from striate.engines.seam import PIXELS, nodes_behind, put_in_front

if TYPE_CHECKING:
    import onnx

NORMALISE = "/normalise"
"""How the names of the normalisation's nodes begin, which are behind the seam."""
NORMALISED = f"{NORMALISE}/normalised"
"""What the network takes: float32 (batch, channels, height, width), normalised."""


def put_before(
    model: onnx.ModelProto,
    preprocessing: Preprocessing,
    *,
    input_name: str,
    batch: str | int,
    opset: int,
    fit: bool,
) -> None:
    """Let `model`, whose input is `NORMALISED`, take uint8 images instead, in place.

    Args:
        model: its first input is replaced; others, weights, stay.
        preprocessing: what becomes of an image before the network sees it.
        input_name: of the new input, uint8 (batch, height, width, channels).
        batch: its first axis: a number, or the name of an axis that may differ from run to run.
        opset: of `model`.
        fit: whether images of any size are resized and cropped or padded; else they must be.
    """
    nodes = Nodes(opset, NORMALISE)
    normalise_nodes(nodes, preprocessing, nodes.value(PIXELS), NORMALISED)
    graph = model.graph
    behind = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes.nodes, *behind])
    graph.initializer.extend(nodes.initializers)
    graph.input[0].CopyFrom(_pixels(preprocessing, batch))
    before = before_alone(preprocessing, opset, input_name=input_name, batch=batch, fit=fit)
    put_in_front(before, model)


def before_alone(
    preprocessing: Preprocessing,
    opset: int,
    *,
    input_name: str = "image",
    batch: str | int = "batch",
    fit: bool = True,
) -> onnx.ModelProto:
    """A graph that makes `PIXELS`, uint8 (batch, C, height, width), of uint8 images.

    Args:
        preprocessing: what `Preprocessing.fit_image` makes of an image is what it makes.
        opset: version of the operators.
        input_name: of its input, uint8 (batch, H, W, C).
        batch: as for `put_before`.
        fit: as for `put_before`.
    """
    helper = need("onnx").helper
    nodes = Nodes(opset)
    image = nodes.value(input_name)
    if fit:
        image = fit_nodes(nodes, preprocessing, image)
    to_planes(nodes, image, PIXELS)
    size = ("height", "width") if fit else (preprocessing.height, preprocessing.width)
    shape = [batch, *size, preprocessing.channels]
    taken = helper.make_tensor_value_info(input_name, need("onnx").TensorProto.UINT8, shape)
    ends = [taken], [_pixels(preprocessing, batch)]
    pairs = [(node.input, node.output) for node in nodes.nodes]
    needed = [nodes.nodes[number] for number in nodes_behind(pairs, [PIXELS])]
    read = {name for node in needed for name in node.input}
    constants = [each for each in nodes.initializers if each.name in read]
    graph = helper.make_graph(needed, "before", *ends, constants)
    imports = [helper.make_opsetid("", opset)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return model


def _pixels(preprocessing: Preprocessing, batch: str | int) -> onnx.ValueInfoProto:
    """`PIXELS` with its type and shape."""
    helper, uint8 = need("onnx").helper, need("onnx").TensorProto.UINT8
    shape = [batch, *preprocessing.input_size]
    pixels: onnx.ValueInfoProto = helper.make_tensor_value_info(PIXELS, uint8, shape)
    return pixels
