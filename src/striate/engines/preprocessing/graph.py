"""The pre-processing of a run as ONNX nodes: uint8 images of any size in, the network's input out.

It computes what Pillow computes, to the bit, in operators that every engine has. ONNX's own
`Resize` will not do: its `antialias` is ignored by some engines without a word. Here each pass of
the resize is a matrix product with the filter's weights, which `resize_weights.py` works out from
the height and width of the image; the product only has the rows that the crop keeps.

Pillow (`libImaging/Resample.c`) resizes along one axis, rounds to 8 bits, then along the other; its
weights are fixed-point numbers of 22 bits. Everything here is whole numbers, so that the result
hangs neither on an engine's order of summation nor on its precision: OpenVINO computes in bfloat16
what is float32, where the processor has it. A weight is three digits of 8 bits, the product of two
tensors of uint8, `MatMulInteger`, is exact, and a pixel is put together from the three sums.

What is left: images so long that evaluation does not resize them whole (see `fit_image`) differ
from its crop by a level or two.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from striate.data.preprocessing import WHOLE_RESIZE, Preprocessing
from striate.engines.preprocessing.nodes import Nodes, Value
from striate.engines.preprocessing.resize_weights import PLACES, ZERO, Axes, resize_weights

_END = 2**31 - 1
#: What stands for nothing among pixels and among the digits of weights.
_NOTHING, _NO_WEIGHT = np.array(0, np.uint8), np.array(ZERO, np.uint8)


def normalise_nodes(graph: Nodes, preprocessing: Preprocessing, pixels: Value, name: str) -> Value:
    """From uint8 to float32, both (batch, C, H, W): ``(pixels / 255 - mean) / std``."""
    shape = (1, preprocessing.channels, 1, 1)
    scale = [1 / (255 * std) for std in preprocessing.std]
    pairs = zip(preprocessing.mean, preprocessing.std, strict=True)
    shift = [-mean / std for mean, std in pairs]
    scaled = graph.cast(pixels, np.float32) * np.array(scale, np.float32).reshape(shape)
    return graph.add("Add", scaled, np.array(shift, np.float32).reshape(shape), name=name)


def to_planes(graph: Nodes, image: Value, name: str) -> Value:
    """From (batch, H, W, C) to (batch, C, H, W)."""
    return graph.add("Transpose", image, name=name, perm=[0, 3, 1, 2])


def fit_nodes(graph: Nodes, preprocessing: Preprocessing, image: Value) -> Value:
    """From uint8 (batch, any height, any width, C) to uint8 (batch, height, width, C).

    What `preprocessing.fit_image` makes of each image, with the axes in the order in which the
    installed Pillow takes them.
    """
    channels, height, width = preprocessing.input_size
    sides = graph.constant(np.array([height, width], np.int32))
    size = graph.part(graph.cast(graph.add("Shape", image), np.int32), 0, 1, 3)
    axes = Axes(size, _target(graph, preprocessing, size), sides)
    turned = _height_first(graph, axes)
    axes = Axes(*(_swap(graph, pair, turned) for pair in axes))
    rows = resize_weights(graph, preprocessing, axes, max(height, width))
    down, across = (rows.along(axes, axis) for axis in (0, 1))
    firsts, ends = (
        _swap(graph, graph.concatenate(pair, 0), turned)
        for pair in ((down.first, across.first), (down.end, across.end))
    )
    for axis in (0, 1):
        bounds = (graph.part(each, 0, axis, axis + 1) for each in (firsts, ends))
        image = graph.part(image, axis + 1, *bounds)
    high, wide = (graph.part(ends - firsts, 0, axis, axis + 1) for axis in (0, 1))
    planes = graph.reshape(image, 0, high * (wide - (wide - 1) * turned), -1, channels)
    planes = graph.add("Transpose", planes, perm=[0, 3, 2, 1])
    lines = graph.reshape(planes, -1, across.end - across.first)
    columns = graph.add("Transpose", across.matrix, perm=[1, 0])
    sums = graph.add("MatMulInteger", lines, columns, _NOTHING, _NO_WEIGHT)
    narrow = _put_together(graph, graph.split(sums, 1, 3))
    narrow = graph.reshape(narrow, -1, down.end - down.first, graph.part(axes.kept, 0, 1, 2))
    sums = graph.add("MatMulInteger", down.matrix, narrow, _NO_WEIGHT, _NOTHING)
    # Rows are the digits of one plane after the other: engines take every third row quicker than a
    # part of an axis in the middle.
    sums = graph.reshape(sums, -1, height * width)
    fitted = _put_together(graph, [graph.part(sums, 0, digit, _END, step=3) for digit in range(3)])
    if preprocessing.fit == "pad" and preprocessing.fill:
        real = graph.reshape(down.real * graph.reshape(across.real, 1, -1), 1, -1)
        fitted = graph.cast(fitted, np.int32) + (1 - real) * preprocessing.fill
        fitted = graph.cast(fitted, np.uint8)
    first_kept, last_kept = (graph.part(axes.kept, 0, axis, axis + 1) for axis in (1, 0))
    area = height * width
    line = (first_kept - area) * turned + area
    fitted = graph.reshape(fitted, -1, channels, (last_kept - 1) * turned + 1, line)
    planes = graph.add("Transpose", fitted, perm=[0, 3, 2, 1])
    return graph.add("Reshape", planes, np.array([-1, height, width, channels]))


def _target(graph: Nodes, preprocessing: Preprocessing, size: Value) -> Value:
    """(height, width) of the resized image; the side that is given becomes `resize` long."""
    height, width = (graph.part(size, 0, axis, axis + 1) for axis in (0, 1))
    choose = graph.largest if preprocessing.fit == "pad" else graph.least
    given = choose(height, width)
    scaled = size * preprocessing.resize
    target = scaled // given
    rest = scaled - target * given
    # An engine that divides as floats may be one off.
    return graph.largest(target + rest.reaches(given) - rest.below(0), 1)


def _put_together(graph: Nodes, sums: Sequence[Value]) -> Value:
    """uint8 pixels from the sums of their weights' three digits, the highest first."""
    high, middle, low = sums
    # floor(sum / 2**22 + 1/2), in numbers below 2**24: what an engine divides as floats is exact.
    carried = (low + (1 << 23)) // 256
    level = high * 256 + middle + carried + ((1 << (PLACES - 9)) - (1 << 15))
    level = graph.largest(level, 0) // (1 << (PLACES - 8))
    return graph.cast(graph.least(level, 255), np.uint8)


# --- the order of the axes ---------------------------------------------------------------------


@functools.cache
def pillow_goes_height_first() -> bool:
    """Whether the installed Pillow resizes high images along their height first, as from 13 on."""
    stripes = np.random.default_rng(0).integers(0, 256, (90, 16), np.uint8)
    image, how = Image.fromarray(stripes), Image.Resampling.BILINEAR
    at_once = image.resize((8, 45), how)
    return at_once.tobytes() != image.resize((8, 90), how).resize((8, 45), how).tobytes()


def _height_first(graph: Nodes, axes: Axes) -> Value:
    """int32 (1,): 1 where the installed Pillow resizes along the height first.

    Pillow 13 (found out by trying) does so where the image loses rows, and more than twice as many
    as it loses columns. For evaluation, that is the crop alone where the whole is too large.
    """
    if not pillow_goes_height_first():
        return graph.constant(np.zeros(1, np.int32))
    kept, target = (
        [graph.part(each, 0, axis, axis + 1) for axis in (0, 1)]
        for each in (axes.kept, axes.target)
    )
    alone = target[0].above((kept[0] * kept[1] * WHOLE_RESIZE) // target[1])
    made = axes.target + (axes.kept - axes.target) * alone
    rows, columns = (graph.part(axes.size - made, 0, axis, axis + 1) for axis in (0, 1))
    return rows.above(0) * rows.above(columns * 2)


def _swap(graph: Nodes, pair: Value, turned: Value) -> Value:
    """The two numbers of `pair`, exchanged where `turned`."""
    first, second = (graph.part(pair, 0, axis, axis + 1) for axis in (0, 1))
    return pair + (graph.concatenate([second, first], 0) - pair) * turned
