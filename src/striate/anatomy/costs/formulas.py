"""The arithmetic of convolutional networks, each formula with its numbers filled in.

Both `explain.py` (a layer of a network) and `what_if.py` (a question without a network) are written
with these. Letters: n input size, k kernel, p padding, s stride, d dilation, g groups, h and w the
output's height and width, r receptive field, j jump.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PER_VALUE = 4  # bytes of a float32


@dataclass(frozen=True, kw_only=True)
class Line:
    """One result, the formula that gives it, and the same formula with its numbers."""

    what: str
    rule: str
    filled: str
    value: int | str

    def to_json(self) -> dict[str, int | str]:
        """The line as a JSON object."""
        return {"what": self.what, "rule": self.rule, "filled": self.filled, "value": self.value}

    def __str__(self) -> str:
        """``parameters: (5·5·6 + 1)·16 = 2,416``."""
        value = f"{self.value:,}" if isinstance(self.value, int) else self.value
        if not self.filled or self.filled.replace(",", "") == str(self.value):
            return f"{self.what}: {value}"
        return f"{self.what}: {self.filled} = {value}"


def times(*factors: int) -> str:
    """Factors, as a formula shows them.

    Examples:
        >>> times(5, 5, 128)
        '5·5·128'
    """
    return "·".join(map(str, factors))


def span(kernel: int, dilation: int) -> int:
    """How many inputs lie under a dilated kernel, from its first to its last.

    Examples:
        >>> span(3, dilation=1), span(3, dilation=2)
        (3, 5)
    """
    return dilation * (kernel - 1) + 1


def window(
    what: str,
    size: int,
    *,
    kernel: int,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
    ceil: bool = False,
) -> Line:
    """How often a window fits: 1 + ⌊(n − k + 2p) / s⌋, for convolution and pooling.

    A dilated kernel counts by what lies under it. With `ceil` a last window that hangs over the
    edge counts too, unless it would begin in the padding behind the image (PyTorch's rule). The
    rule has the terms that the numbers have: no padding and no stride where there is none.

    Args:
        what: the axis, as the line calls it.
        size: positions of the input along it, n.
        kernel: its taps, k.
        stride: positions from one window to the next, s.
        padding: positions before and behind the input, p₁ and p₂.
        dilation: positions from one tap to the next, d.
        ceil: whether a window may hang over the edge.

    Examples:
        >>> print(window("height", 224, kernel=7, stride=2, padding=(3, 3)))
        height: 1 + ⌊(224 − 7 + 2·3) / 2⌋ = 112
    """
    wide = span(kernel, dilation)
    before, after = padding
    free = size - wide + before + after
    value = 1 + (math.ceil(free / stride) if ceil else free // stride)
    note = ""
    if ceil and (value - 1) * stride >= size + before:
        value -= 1
        note = " − 1 (that window would begin behind the edge)"
    rule = "n − k" if dilation == 1 else "n − (d·(k − 1) + 1)"
    inner = f"{size} − {_spanned(kernel, dilation)}"
    if before != after:
        rule, inner = f"{rule} + p₁ + p₂", f"{inner} + {before} + {after}"
    elif before:
        rule, inner = f"{rule} + 2p", f"{inner} + 2·{before}"
    left, right = ("⌈", "⌉") if ceil else ("⌊", "⌋")
    if stride == 1:
        return Line(what=what, rule=f"1 + {rule}", filled=f"1 + {inner}{note}", value=value)
    return Line(
        what=what,
        rule=f"1 + {left}({rule}) / s{right}",
        filled=f"1 + {left}({inner}) / {stride}{right}{note}",
        value=value,
    )


def _spanned(kernel: int, dilation: int) -> str:
    return str(kernel) if dilation == 1 else f"({dilation}·({kernel} − 1) + 1)"


def enlarged(
    what: str,
    size: int,
    *,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> Line:
    """The output of a transposed convolution: (n − 1)·s − 2p + d·(k − 1) + 1 + output padding.

    Args:
        what: the axis, as the line calls it.
        size: positions of the input along it, n.
        kernel: its taps, k.
        stride: positions of the output from one input to the next, s.
        padding: positions that are cut off at each end, p.
        dilation: positions from one tap to the next, d.
        output_padding: positions more at the far end.

    Examples:
        >>> print(enlarged("height", 14, kernel=4, stride=2, padding=1))
        height: (14 − 1)·2 − 2·1 + 4 = 28
    """
    value = (size - 1) * stride - 2 * padding + span(kernel, dilation) + output_padding
    parts = [("(n − 1)·s", f"({size} − 1)·{stride}", " + ")]
    parts += [("2p", f"2·{padding}", " − ")] if padding else []
    parts += [("k" if dilation == 1 else "d·(k − 1) + 1", _spanned(kernel, dilation), " + ")]
    parts += [("p_out", str(output_padding), " + ")] if output_padding else []
    rule, filled = "", ""
    for letters, numbers, sign in parts:
        rule, filled = rule + sign + letters, filled + sign + numbers
    return Line(what=what, rule=rule[3:], filled=filled[3:], value=value)


def convolution_parameters(
    kernel: tuple[int, ...],
    inputs: int,
    outputs: int,
    *,
    groups: int = 1,
    bias: bool = True,
    absent: int = 0,
) -> Line:
    """(k·k·c_in/g + 1)·c_out; without the 1 where there is no bias.

    Args:
        kernel: taps along each axis, k.
        inputs: channels, c_in.
        outputs: channels, c_out.
        groups: each reads its share of the inputs, g.
        bias: whether there is one a channel.
        absent: so many of the c_in·c_out kernels are left out, as in C3 of LeNet-5.

    Examples:
        >>> print(convolution_parameters((3, 3), 64, 128, bias=False))
        parameters: 3·3·64·128 = 73,728
    """
    each = math.prod(kernel) * (inputs // groups)
    if absent:
        kernels = f"{times(*kernel)}·({times(inputs, outputs)} − {absent})"
        return Line(
            what="parameters",
            rule="k·k·(c_in·c_out − absent)" + (" + c_out" if bias else ""),
            filled=kernels + (f" + {outputs}" if bias else ""),
            value=(each + bias) * outputs - math.prod(kernel) * absent,
        )
    inner = times(*kernel, inputs) + (f"/{groups}" if groups > 1 else "")
    letters = "·".join("k" for _ in kernel) + "·c_in" + ("/g" if groups > 1 else "")
    if bias:
        rule, filled = f"({letters} + 1)·c_out", f"({inner} + 1)·{outputs}"
    else:
        rule, filled = f"{letters}·c_out", f"{inner}·{outputs}"
    return Line(what="parameters", rule=rule, filled=filled, value=(each + bias) * outputs)


def linear_parameters(inputs: int, outputs: int, *, bias: bool = True) -> Line:
    """(c_in + 1)·c_out: every input with every output, and a bias each.

    Examples:
        >>> print(linear_parameters(2048, 1000))
        parameters: (2048 + 1)·1000 = 2,049,000
    """
    return Line(
        what="parameters",
        rule="(c_in + 1)·c_out" if bias else "c_in·c_out",
        filled=f"({inputs} + 1)·{outputs}" if bias else times(inputs, outputs),
        value=(inputs + bias) * outputs,
    )


def convolution_macs(
    kernel: tuple[int, ...],
    inputs: int,
    outputs: int,
    grid: tuple[int, ...],
    *,
    groups: int = 1,
    absent: int = 0,
    transposed: bool = False,
) -> Line:
    """k·k·c_in/g·c_out·h·w: the whole kernel for each value of the output.

    Args:
        kernel: taps along each axis, k.
        inputs: channels, c_in.
        outputs: channels, c_out.
        grid: (h, w) of the output; of the *input* of a transposed convolution, which spreads each
            value of that over its kernel.
        groups: each reads its share of the inputs, g.
        absent: so many kernels of one input and one output channel are not computed.
        transposed: whether it is a transposed convolution.

    Examples:
        >>> print(convolution_macs((3, 3), 64, 128, (56, 56)))
        MACs: 3·3·64·128·56·56 = 231,211,008
    """
    letters = "·".join("k" for _ in kernel) + "·c_in" + ("/g" if groups > 1 else "")
    inner = times(*kernel, inputs) + (f"/{groups}" if groups > 1 else "")
    each = math.prod(kernel) * (inputs // groups) * outputs
    filled = f"{inner}·{times(outputs, *grid)}"
    if absent:
        each -= math.prod(kernel) * absent
        filled = f"({inner}·{outputs} − {times(*kernel, absent)})·{times(*grid)}"
    letter = {1: ("l",), 2: ("h", "w")}.get(len(grid), ("d", "h", "w"))
    sides = "·".join(f"{side}_in" if transposed else side for side in letter)
    return Line(
        what="MACs",
        rule=f"{letters}·c_out·{sides}",
        filled=filled,
        value=each * math.prod(grid),
    )


def joined(lines: list[Line]) -> list[Line]:
    """Lines of several axes that say the same become one: ``height and width``."""
    if len(lines) < 2 or len({(line.filled, line.value) for line in lines}) > 1:
        return lines
    names = [line.what for line in lines]
    what = " and ".join([", ".join(names[:-1]), names[-1]])
    first = lines[0]
    return [Line(what=what, rule=first.rule, filled=first.filled, value=first.value)]


def memory(shape: tuple[int, ...], size: int = PER_VALUE) -> Line:
    """c·h·w values of `size` bytes."""
    return Line(
        what="memory of the output",
        rule=f"{'c·h·w' if len(shape) == 3 else 'values'}·{size} bytes",
        filled=f"{times(*shape, size)}",
        value=math.prod(shape) * size,
    )


def human_bytes(count: int) -> str:
    """A number of bytes with three digits that count; the units are powers of 1,000.

    Examples:
        >>> human_bytes(3_211_264)
        '3.21 MB'
    """
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{count} B" if unit == "B" else f"{_three_digits(value)} {unit}"


def human_count(count: int) -> str:
    """A number with three digits that count; the units are powers of 1,000.

    Examples:
        >>> human_count(4_089_184_256)
        '4.09 G'
    """
    value = float(count)
    for unit in ("", "k", "M", "G", "T"):
        if value < 999.5 or unit == "T":
            break
        value /= 1000
    return str(count) if unit == "" else f"{_three_digits(value)} {unit}"


def _three_digits(value: float) -> str:
    """``7.00``, ``61.7``, ``138``: three digits that count; all before the point if more."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")


def by(values: tuple[object, ...]) -> str:
    """Sizes, as people write them.

    Examples:
        >>> by((3, 3))
        '3×3'
    """
    return "×".join(map(str, values))
