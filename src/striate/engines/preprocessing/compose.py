"""A captured network with the pre-processing of its run in front of it, as one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.data.preprocessing import Preprocessing
from striate.engines.packages import need
from striate.engines.preprocessing.graph import fit_nodes, normalise_nodes
from striate.engines.preprocessing.nodes import PREFIX, Nodes

if TYPE_CHECKING:
    import onnx

#: What the network takes: float32 (batch, channels, height, width), normalised.
NORMALISED = f"{PREFIX}/normalised"
#: What an image is once it has the network's size: uint8 (batch, height, width, channels), what
#: `Preprocessing.fit_image` gives. Everything behind takes pictures that are fitted already.
PIXELS = f"{PREFIX}/pixels"


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
    nodes = Nodes(opset)
    pixels = nodes.value(input_name)
    if fit:
        pixels = fit_nodes(nodes, preprocessing, pixels, PIXELS)
    normalise_nodes(nodes, preprocessing, pixels, NORMALISED)
    graph = model.graph
    behind = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes.nodes, *behind])
    graph.initializer.extend(nodes.initializers)
    graph.input[0].CopyFrom(_image(preprocessing, input_name, batch, fit=fit))


def fit_alone(preprocessing: Preprocessing, opset: int) -> onnx.ModelProto:
    """A graph that makes of uint8 images of any size what `Preprocessing.fit_image` makes."""
    helper = need("onnx").helper
    nodes = Nodes(opset)
    fit_nodes(nodes, preprocessing, nodes.value("image"), PIXELS)
    image = _image(preprocessing, "image", "batch", fit=True)
    pixels = _image(preprocessing, PIXELS, "batch", fit=False)
    graph = helper.make_graph(nodes.nodes, "fit", [image], [pixels], nodes.initializers)
    imports = [helper.make_opsetid("", opset)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return model


def _image(
    preprocessing: Preprocessing, name: str, batch: str | int, *, fit: bool
) -> onnx.ValueInfoProto:
    """uint8 (batch, height, width, channels), of any size, or of the network's."""
    helper, uint8 = need("onnx").helper, need("onnx").TensorProto.UINT8
    size = ("height", "width") if fit else (preprocessing.height, preprocessing.width)
    shape = [batch, *size, preprocessing.channels]
    image: onnx.ValueInfoProto = helper.make_tensor_value_info(name, uint8, shape)
    return image
