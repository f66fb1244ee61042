"""What-if questions without a network: what a few layers in a row cost, and their receptive field.

They are written in a short form, separated by commas::

    5x5 128->256 @100x100
    1x1 128->32, 5x5 32->256 @100x100
    3x3 64->64 s2 g32 nobias, max 3x3 s2, gap -> 10
    flatten 7x7x1024 -> 1000

A layer is its kernel and ``in->out`` channels, or begins with ``max``, ``avg`` (pooling), ``gap``
(global average pooling), ``flatten`` or ``linear``. ``s2`` is the stride (pooling's own kernel if
absent), ``p1`` the padding (half of a convolution's kernel, none in pooling), ``d2`` the dilation,
``g4`` the groups; ``s2x1`` and so on give height and width apart. ``nobias`` leaves the biases out,
``ceil`` rounds a pooling's size up. ``@HEIGHTxWIDTH``, anywhere among them, is the input's grid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

from striate.anatomy.costs.formulas import (
    Line,
    by,
    convolution_macs,
    convolution_parameters,
    joined,
    linear_parameters,
    memory,
    span,
    window,
)
from striate.errors import NetworkError
from striate.support.shown import Several, Shown

Pair = tuple[int, int]

#: The input's grid where none is given.
GRID = (32, 32)

KINDS = {
    "conv": "convolution",
    "max": "max pool",
    "avg": "average pool",
    "gap": "global average pool",
    "flatten": "flatten",
    "linear": "linear",
}
EXAMPLE = 'write layers like "5x5 128->256 s2 p1 @100x100", separated by commas'

_NUMBER = r"(\d{1,7})"
_KERNEL = re.compile(rf"{_NUMBER}(?:x{_NUMBER})?")
_CHANNELS = re.compile(rf"{_NUMBER}?->{_NUMBER}")
_VOLUME = re.compile(rf"{_NUMBER}x{_NUMBER}x{_NUMBER}(?:->{_NUMBER})?")
_GRID = re.compile(rf"@{_NUMBER}(?:x{_NUMBER})?")
_OPTION = re.compile(rf"([spdg]){_NUMBER}(?:x{_NUMBER})?")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One layer; sizes are (channels, height, width), pairs (height, width)."""

    text: str
    operator: str
    output: tuple[int, int, int]
    parameters: int
    macs: int
    memory: int  # bytes of its output
    receptive_field: Pair
    jump: Pair
    lines: tuple[Line, ...]

    def to_json(self) -> dict[str, Any]:
        """The layer as a JSON object."""
        plain = {key: value for key, value in vars(self).items() if key not in {"text", "lines"}}
        return {"layer": self.text, **plain, "arithmetic": [line.to_json() for line in self.lines]}


@dataclass(frozen=True, kw_only=True)
class WhatIf(Shown):
    """A few layers in a row and what they come to."""

    shown_by: ClassVar[str] = "striate.anatomy.show.terminal:show_one_what_if"

    text: str
    input: tuple[int, int, int]
    steps: tuple[Step, ...]

    @property
    def output(self) -> tuple[int, int, int]:
        """(channels, height, width) of the last layer."""
        return self.steps[-1].output

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(step.parameters for step in self.steps)

    @property
    def macs(self) -> int:
        """Of all layers."""
        return sum(step.macs for step in self.steps)

    @property
    def memory(self) -> int:
        """Bytes of all outputs."""
        return sum(step.memory for step in self.steps)

    @property
    def receptive_field(self) -> Pair:
        """Of one position of the output, (height, width)."""
        return self.steps[-1].receptive_field

    def to_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {
            "text": self.text,
            "input": list(self.input),
            "output": list(self.output),
            "parameters": self.parameters,
            "macs": self.macs,
            "memory": self.memory,
            "receptive_field": list(self.receptive_field),
            "layers": [step.to_json() for step in self.steps],
        }


@dataclass(kw_only=True)
class _Layer:
    """What was written of one layer."""

    text: str
    kind: str = "conv"
    kernel: Pair | None = None
    inputs: int | None = None
    outputs: int | None = None
    grid: Pair | None = None
    options: dict[str, Pair] = field(default_factory=dict)
    bias: bool = True
    ceil: bool = False

    def fault(self, why: str, remedy: str = EXAMPLE) -> NetworkError:
        return NetworkError(f"layer '{self.text}'", why, remedy)


def what_if(texts: Sequence[str]) -> Several[WhatIf]:
    """Read and count several rows of layers; one without a grid takes that of the first with one.

    Raises:
        NetworkError: layers that cannot be read, with what was expected; channels that do not
            follow from layer to layer; a kernel larger than its grid.

    Examples:
        >>> [each.macs for each in what_if(["5x5 64->64 @28x28", "3x3 64->64, 3x3 64->64"])]
        [80281600, 57802752]
    """
    read = [_read_layers(text) for text in texts]
    stated = next((grid for _, grid in read if grid is not None), GRID)
    return Several(
        _count(" ".join(text.split()), layers, grid or stated)
        for text, (layers, grid) in zip(texts, read, strict=True)
    )


def _read_layers(text: str) -> tuple[list[_Layer], Pair | None]:
    layers = [_read_layer(" ".join(part.split())) for part in text.split(",")]
    grids = {layer.grid for layer in layers if layer.grid is not None}
    if len(grids) > 1:
        raise NetworkError(f"layers '{text}'", "the input's grid is given twice", "write one @")
    return layers, next(iter(grids), None)


def _read_layer(text: str) -> _Layer:
    layer = _Layer(text=text)
    if not text:
        raise layer.fault("is empty")
    for word in _words(text):
        _read_word(layer, word)
    if layer.kind in {"conv", "max", "avg"} and layer.kernel is None:
        raise layer.fault("has no kernel")
    return layer


def _words(text: str) -> list[str]:
    """The words of a layer; an arrow clings to the numbers beside it, however it was spaced."""
    plain = text.replace("×", "x").replace("→", "->").lower()
    plain = re.sub(r"(?:^|(?<=\s))((?:\d+x\d+x)?\d+)\s*->", r"\1->", plain)
    return re.sub(r"(?<!\d)->\s*", " ->", re.sub(r"(?<=\d)->\s+", "->", plain)).split()


def _read_word(layer: _Layer, word: str) -> None:
    if word in KINDS:
        layer.kind = word
    elif word in {"bias", "nobias"}:
        layer.bias = word == "bias"
    elif word == "ceil":
        layer.ceil = True
    elif found := _KERNEL.fullmatch(word):
        layer.kernel = _pair(found[1], found[2])
    elif found := _CHANNELS.fullmatch(word):
        layer.inputs = int(found[1]) if found[1] else None
        layer.outputs = int(found[2])
    elif found := _VOLUME.fullmatch(word):
        layer.grid = _pair(found[1], found[2])
        layer.inputs = int(found[3])
        layer.outputs = int(found[4]) if found[4] else layer.outputs
    elif found := _GRID.fullmatch(word):
        layer.grid = _pair(found[1], found[2])
    elif found := _OPTION.fullmatch(word):
        layer.options[found[1]] = _pair(found[2], found[3])
    else:
        raise layer.fault(f"'{word}' is not understood")
    counts = [*(layer.kernel or ()), layer.inputs, layer.outputs, *(layer.grid or ())]
    counts += [each for key, pair in layer.options.items() if key != "p" for each in pair]
    if 0 in counts:
        raise layer.fault("sizes, channels and strides must be at least 1")


def _pair(first: str, second: str | None) -> Pair:
    return int(first), int(second or first)


def _count(text: str, layers: list[_Layer], grid: Pair) -> WhatIf:
    channels = next((layer.inputs for layer in layers if layer.inputs), None)
    if channels is None:
        raise layers[0].fault("has no channels", "write IN->OUT in the first layer")
    if layers[0].kind == "linear" and layers[0].grid is None:
        grid = (1, 1)
    shape, field_, jump = (channels, *grid), (1, 1), (1, 1)
    steps: list[Step] = []
    for layer in layers:
        for step in _step(layer, shape, field_, jump):
            steps.append(step)
            shape, field_, jump = step.output, step.receptive_field, step.jump
    return WhatIf(text=text, input=(channels, *grid), steps=tuple(steps))


def _step(layer: _Layer, shape: tuple[int, int, int], field_: Pair, jump: Pair) -> list[Step]:
    if layer.inputs is not None and layer.kind != "linear" and layer.inputs != shape[0]:
        raise layer.fault(
            f"takes {layer.inputs} channels, and the layer before it gives {shape[0]}",
            "let each layer begin with the channels that the one before ends with",
        )
    if layer.kind in {"gap", "flatten", "linear"}:
        return _dense(layer, shape, field_, jump)
    return [_windowed(layer, shape, field_, jump)]


def _windowed(layer: _Layer, shape: tuple[int, int, int], field_: Pair, jump: Pair) -> Step:
    """A convolution or a pooling."""
    convolves = layer.kind == "conv"
    kernel = layer.kernel
    assert kernel is not None
    if convolves and layer.outputs is None:
        raise layer.fault("has no output channels", "write IN->OUT")
    if not convolves and (layer.outputs is not None or "g" in layer.options):
        raise layer.fault("pooling leaves the channels as they are", "write no IN->OUT and no g")
    stride = layer.options.get("s", (1, 1) if convolves else kernel)
    dilation = layer.options.get("d", (1, 1))
    half = tuple((span(k, d) - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    padding = layer.options.get("p", half if convolves else (0, 0))
    sizes = [
        window(what, n, kernel=k, stride=s, padding=(p, p), dilation=d, ceil=layer.ceil)
        for what, n, k, s, p, d in zip(
            ("height", "width"), shape[1:], kernel, stride, padding, dilation, strict=True
        )
    ]
    output = (layer.outputs or shape[0], int(sizes[0].value), int(sizes[1].value))
    if min(output) < 1:
        raise layer.fault(
            f"its kernel is larger than its {by(shape[1:])} input", "pad, or give a larger @"
        )
    sees = tuple(
        r + (span(k, d) - 1) * j for r, k, d, j in zip(field_, kernel, dilation, jump, strict=True)
    )
    lines = joined(sizes)
    parameters = macs = 0
    if convolves:
        groups = layer.options.get("g", (1, 1))[0]
        if shape[0] % groups or output[0] % groups:
            raise layer.fault(
                f"{groups} groups do not divide {shape[0]} and {output[0]} channels", ""
            )
        counted = convolution_parameters(
            kernel, shape[0], output[0], groups=groups, bias=layer.bias
        )
        worked = convolution_macs(kernel, shape[0], output[0], output[1:], groups=groups)
        parameters, macs = int(counted.value), int(worked.value)
        lines += [counted, worked]
    lines.append(_sees(field_, kernel, dilation, jump))
    lines.append(memory(output))
    return Step(
        text=layer.text,
        operator=KINDS[layer.kind],
        output=output,
        parameters=parameters,
        macs=macs,
        memory=int(lines[-1].value),
        receptive_field=(sees[0], sees[1]),
        jump=(jump[0] * stride[0], jump[1] * stride[1]),
        lines=tuple(lines),
    )


def _sees(field_: Pair, kernel: Pair, dilation: Pair, jump: Pair) -> Line:
    """The forward rule r + d·(k − 1)·j, an axis or both at once."""
    axes = [
        (f"{r} + {'' if d == 1 else f'{d}·'}({k} − 1)·{j}", r + d * (k - 1) * j)
        for r, k, d, j in zip(field_, kernel, dilation, jump, strict=True)
    ]
    same = axes[0] == axes[1]
    return Line(
        what="receptive field",
        rule="r + (k − 1)·j" if dilation == (1, 1) else "r + d·(k − 1)·j",
        filled=axes[0][0] if same else f"{axes[0][0]} high, {axes[1][0]} wide",
        value=by((axes[0][1], axes[1][1])),
    )


def _dense(layer: _Layer, shape: tuple[int, int, int], field_: Pair, jump: Pair) -> list[Step]:
    """Flattening, global pooling and the linear layer that follows in the same breath."""
    if layer.kernel is not None or layer.options:
        raise layer.fault(f"{layer.kind} takes no kernel, stride, padding, dilation or groups", "")
    whole = (
        field_[0] + (shape[1] - 1) * jump[0],
        field_[1] + (shape[2] - 1) * jump[1],
    )
    steps: list[Step] = []
    features = prod(shape)
    if layer.kind == "gap":
        features = shape[0]
        held = memory((shape[0], 1, 1))
        steps.append(_plain("gap", (shape[0], 1, 1), whole, jump, held))
    elif layer.kind == "flatten" and layer.outputs is None:
        steps.append(_plain("flatten", (features, 1, 1), whole, jump, None))
    elif layer.kind == "linear" and layer.inputs not in {None, features}:
        raise layer.fault(
            f"takes {layer.inputs} values, and the layer before it gives {features}",
            "write the number of values, or none before the arrow",
        )
    if layer.outputs is None:
        if layer.kind == "linear":
            raise layer.fault("has no outputs", "write linear IN->OUT")
        return steps
    counted = linear_parameters(features, layer.outputs, bias=layer.bias)
    worked = Line(
        what="MACs",
        rule="c_in·c_out",
        filled=f"{features}·{layer.outputs}",
        value=features * layer.outputs,
    )
    held = memory((layer.outputs, 1, 1))
    lines = [counted, worked, held]
    if layer.kind == "flatten":
        grown = f"{by(shape[1:]).replace('×', '·')}·{shape[0]}"
        lines.insert(0, Line(what="inputs", rule="h·w·c", filled=grown, value=features))
    steps.append(
        Step(
            text=layer.text,
            operator="linear",
            output=(layer.outputs, 1, 1),
            parameters=int(counted.value),
            macs=int(worked.value),
            memory=int(held.value),
            receptive_field=whole,
            jump=jump,
            lines=tuple(lines),
        )
    )
    return steps


def _plain(
    kind: str, output: tuple[int, int, int], sees: Pair, jump: Pair, held: Line | None
) -> Step:
    return Step(
        text=kind,
        operator=KINDS[kind],
        output=output,
        parameters=0,
        macs=0,
        memory=0 if held is None else int(held.value),
        receptive_field=sees,
        jump=jump,
        lines=() if held is None else (held,),
    )
