"""The seam of an exported file: the tensor between its pre-processing and its network.

Every file with pre-processing inside has a tensor called ``pixels``, uint8 (batch, channels,
height, width): what `Preprocessing.fit_image` makes of an image, channels first. In front of it is
what fits an image to the network's size, behind it the normalisation, the network and its softmax.
Whoever fits images himself cuts a file there, and runs what is behind alone.

Files from before there was a seam have no such tensor, and are used whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from striate.engines.onnx_bytes import Node, OnnxFile, Tensor, read_onnx, write_onnx
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


def can_be_cut(file: OnnxFile) -> bool:
    """Whether `cut` can cut `file`."""
    named = file.metadata.get(PIXELS) == PIXELS and PIXELS in file.between
    return named and any(PIXELS in node.makes for node in file.nodes)


def cut(file: OnnxFile) -> tuple[bytes, bytes]:
    """The two sides of the seam as files: before it, and the network behind it.

    Raises:
        ExportError: it has no seam, or something beside `PIXELS` crosses it.
    """
    if not can_be_cut(file):
        raise ExportError("the ONNX file", f"has no tensor '{PIXELS}'", "export its run again")
    return cut_at(file, PIXELS, file.outputs)


def cut_at(file: OnnxFile, seam: str, outputs: Sequence[Tensor]) -> tuple[bytes, bytes]:
    """What makes the tensor `seam` of the images of `file`, and what makes `outputs` of `seam`.

    Raises:
        ExportError: something beside `seam` crosses it.
    """
    pixels = file.between[seam]
    ends = [value.name for value in outputs]
    before = _behind(file, [seam])
    network = _behind(file, ends, given=[seam])
    read = {name for node in network for name in node.reads} | {*ends}
    made = {name for node in before for name in node.makes} - {seam}
    taken = {name for node in before for name in node.reads}
    images = [each for each in file.inputs if each.name in taken]
    crossing = read & (made | {each.name for each in images})
    if crossing:
        raise ExportError(
            "the ONNX file",
            f"its network reads '{min(crossing)}' beside '{seam}'",
            "export its run again",
        )
    weights = [each for each in (*file.inputs, *file.defaulted) if each.name in read]
    return (
        write_onnx(file, before, images, [pixels]),
        write_onnx(file, network, [pixels, *weights], outputs),
    )


def _behind(file: OnnxFile, outputs: Iterable[str], given: Iterable[str] = ()) -> list[Node]:
    pairs = [(node.reads, node.makes) for node in file.nodes]
    return [file.nodes[number] for number in nodes_behind(pairs, outputs, given=given)]


def has_seam(model: onnx.ModelProto) -> bool:
    """Whether `split_at_seam` can cut `model`."""
    return can_be_cut(read_onnx(model.SerializeToString()))


def split_at_seam(model: onnx.ModelProto) -> Halves:
    """Cut `model`, which is left as it is: ``join(*split_at_seam(model))`` computes the same.

    Raises:
        ExportError: as `cut`.
    """
    before, network = cut(read_onnx(model.SerializeToString()))
    load = need("onnx").load_from_string
    return Halves(load(before), load(network))


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
    nodes: Sequence[tuple[Iterable[str], Iterable[str]]],
    outputs: Iterable[str],
    *,
    given: Iterable[str] = (),
) -> list[int]:
    """The numbers of the nodes that `outputs` are made by, where `given` are known.

    Args:
        nodes: what each of them reads, and what it makes.
        outputs: names of tensors.
        given: names of tensors.

    Examples:
        >>> nodes_behind([("a", "b"), ("b", "c"), ("b", "d"), ("d", "e")], "e", given="b")
        [2, 3]
    """
    maker = {name: number for number, (_, makes) in enumerate(nodes) for name in makes}
    found: set[int] = set()
    known, wanted = set(given), list(outputs)
    while wanted:
        name = wanted.pop()
        number = None if name in known else maker.get(name)
        if number is not None and number not in found:
            found.add(number)
            wanted.extend(nodes[number][0])
    return sorted(found)
