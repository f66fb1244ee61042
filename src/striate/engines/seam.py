"""The seam of an exported file: the tensor between its pre-processing and its network.

Every file with pre-processing inside has a tensor called ``pixels``, uint8 (batch, channels,
height, width): what `Preprocessing.fit_image` makes of an image, channels first. In front of it is
what fits an image to the network's size, behind it the normalisation, the network and its softmax.
Whoever fits images himself cuts a file there, and runs what is behind alone.

Files from before there was a seam have no such tensor, and are used whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from striate.engines.packages import need
from striate.errors import ExportError

if TYPE_CHECKING:
    import onnx

PIXELS = "pixels"
"""The tensor's name, and the key of the metadata that holds it."""


class Halves(NamedTuple):
    """The two sides of a seam, models of their own; both have the metadata of the whole."""

    before: onnx.ModelProto
    """From the images that the file takes to `PIXELS`."""
    network: onnx.ModelProto
    """From `PIXELS`, and weights where they are inputs, to the file's outputs."""


def has_seam(model: onnx.ModelProto) -> bool:
    """Whether `split_at_seam` can cut `model`."""
    named = any(entry.key == entry.value == PIXELS for entry in model.metadata_props)
    known = any(value.name == PIXELS for value in model.graph.value_info)
    return named and known and any(PIXELS in node.output for node in model.graph.node)


def split_at_seam(model: onnx.ModelProto) -> Halves:
    """Cut `model`, which is left as it is: ``join(*split_at_seam(model))`` computes the same.

    Raises:
        ExportError: it has no seam, or something beside `PIXELS` crosses it.
    """
    if not has_seam(model):
        raise ExportError("the ONNX file", f"has no tensor '{PIXELS}'", "export its run again")
    pixels = next(value for value in model.graph.value_info if value.name == PIXELS)
    before = _part(model, nodes_behind(model.graph.node, [PIXELS]))
    before.graph.output.append(pixels)
    outputs = [value.name for value in model.graph.output]
    network = _part(model, nodes_behind(model.graph.node, outputs, given=[PIXELS]))
    network.graph.input.insert(0, pixels)
    network.graph.output.extend(model.graph.output)
    _refuse_other_crossings(before, network)
    return Halves(before, network)


def join(before: onnx.ModelProto, network: onnx.ModelProto) -> onnx.ModelProto:
    """What `split_at_seam` has cut as one model again; both are left as they are.

    Args:
        before: gives `PIXELS`.
        network: its first input is `PIXELS`; its metadata are those of the whole. It may have been
            changed, quantised for example.

    Raises:
        ExportError: they do not fit, or hold different tensors of one name.
    """
    whole: onnx.ModelProto = need("onnx").ModelProto()
    whole.CopyFrom(network)
    put_in_front(before, whole)
    return whole


def put_in_front(before: onnx.ModelProto, network: onnx.ModelProto) -> None:
    """`join`, in place of `network`."""
    graph, front = network.graph, before.graph
    if not graph.input or [graph.input[0].name] != [value.name for value in front.output]:
        raise ExportError("the ONNX file", f"does not begin with a tensor '{PIXELS}'")
    pixels = graph.input[0]
    held = {each.name: each for each in graph.initializer}
    made = {name for node in graph.node for name in node.output}
    ours = {name for node in front.node for name in node.output}
    clash = ours & made or {
        each.name for each in front.initializer if held.get(each.name, each) != each
    }
    if clash:
        raise ExportError("the ONNX file", f"has two tensors called '{min(clash)}'")
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*front.node, *nodes])
    graph.initializer.extend(each for each in front.initializer if each.name not in held)
    graph.value_info.insert(0, pixels)
    weights = list(graph.input)[1:]
    del graph.input[:]
    graph.input.extend([*front.input, *weights])


def nodes_behind(
    nodes: Sequence[onnx.NodeProto], outputs: Iterable[str], *, given: Iterable[str] = ()
) -> list[onnx.NodeProto]:
    """Those of `nodes`, in their order, that `outputs` are made by, where `given` are known."""
    maker = {name: number for number, node in enumerate(nodes) for name in node.output}
    found: set[int] = set()
    known, wanted = set(given), list(outputs)
    while wanted:
        name = wanted.pop()
        number = None if name in known else maker.get(name)
        if number is not None and number not in found:
            found.add(number)
            wanted.extend(_read_by(nodes[number]))
    return [node for number, node in enumerate(nodes) if number in found]


def _part(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> onnx.ModelProto:
    """`nodes` with the initialisers and the inputs that they read, without outputs."""
    part: onnx.ModelProto = need("onnx").ModelProto()
    for field, value in model.ListFields():
        if field.name in ("ir_version", "producer_name", "producer_version"):
            setattr(part, field.name, value)
    part.opset_import.extend(model.opset_import)
    part.metadata_props.extend(model.metadata_props)
    graph = part.graph
    graph.name = model.graph.name
    graph.node.extend(nodes)
    read = {name for node in graph.node for name in _read_by(node)}
    graph.initializer.extend(each for each in model.graph.initializer if each.name in read)
    graph.input.extend(each for each in model.graph.input if each.name in read)
    return part


def _refuse_other_crossings(before: onnx.ModelProto, network: onnx.ModelProto) -> None:
    """Raise unless `PIXELS` is all that the one half makes and the other reads."""
    made = {name for node in before.graph.node for name in node.output} - {PIXELS}
    read = {name for node in network.graph.node for name in _read_by(node)}
    images = {each.name for each in before.graph.input}
    crossing = (made | images) & (read | {each.name for each in network.graph.output})
    if crossing:
        raise ExportError(
            "the ONNX file",
            f"its network reads '{min(crossing)}' beside '{PIXELS}'",
            "export its run again",
        )


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, by itself and in its branches."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from _read_by(inner)
