"""Claim 4: a convolution's gradient is a convolution with the kernel turned by half a circle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from markupsafe import Markup
from numpy.typing import NDArray

from striate.lab.drawing import Axis, Panel, beside, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.results import Results
from striate.lab.verdict import Statement
from striate.support.svg import element

STRIDES = {"stride 1": 1, "stride 2": 2, "stride 3": 3}
KERNELS, PADDINGS, DILATIONS, SIDE = (1, 2, 3, 4), (0, 1, 2), (1, 2), 9
_CELL = 24.0

Floats = NDArray[np.float64]


def correlate(image: Floats, kernel: Floats) -> Floats:
    """What networks call a convolution, of one channel: products added up at every place."""
    high, wide = kernel.shape
    places = np.lib.stride_tricks.sliding_window_view(image, (high, wide))
    found: Floats = np.einsum("ijkl,kl->ij", places, kernel)
    return found


def backwards(
    gradient: Floats,
    kernel: Floats,
    shape: tuple[int, int],
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Floats:
    """The gradient at a convolution's input, by a convolution of that at its output.

    The output's gradient is spread by the stride, with zeros between, and widened by zeros on each
    side; the kernel, with the zeros of its dilation, is turned by half a circle.

    Args:
        gradient: at the output.
        kernel: of the convolution, not turned.
        shape: of the input.
        stride: of the convolution.
        padding: on each side of the input.
        dilation: of the kernel.
    """
    turned = spread(kernel, dilation)[::-1, ::-1]
    reach = len(turned) - 1
    widened = np.pad(spread(gradient, stride), reach)
    found = correlate(widened, turned)
    # Rows and columns at the end that no kernel reached have had no influence: their gradient is 0.
    whole = np.zeros([side + 2 * padding for side in shape])
    whole[: found.shape[0], : found.shape[1]] = found
    return whole[padding : padding + shape[0], padding : padding + shape[1]]


def spread(values: Floats, step: int) -> Floats:
    """`values` with `step` - 1 zeros between neighbours."""
    found = np.zeros([(side - 1) * step + 1 for side in values.shape])
    found[::step, ::step] = values
    return found


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """The largest error against autograd, and what it is where the kernel is not turned."""
    del conditions
    stride, random = STRIDES[setting], np.random.default_rng(seed)
    errors: list[float] = []
    unturned: list[float] = []
    for side, padding, dilation in product(KERNELS, PADDINGS, DILATIONS):
        image, kernel = random.normal(size=(SIDE, SIDE)), random.normal(size=(side, side))
        x = torch.from_numpy(image)[None, None].requires_grad_()
        y = F.conv2d(x, torch.from_numpy(kernel)[None, None], None, stride, padding, dilation)
        gradient = random.normal(size=y.shape[2:])
        (exact,) = torch.autograd.grad(y, x, torch.from_numpy(gradient)[None, None])
        true = exact[0, 0].numpy()
        for among, used in ((errors, kernel), (unturned, kernel[::-1, ::-1])):
            found = backwards(
                gradient,
                used,
                (SIDE, SIDE),
                stride=stride,
                padding=padding,
                dilation=dilation,
            )
            among.append(float(np.abs(found - true).max() / np.abs(true).max()))
        if side == 1:
            unturned.pop()  # a kernel of one weight is the same turned
    return {"error": max(errors), "unturned": min(unturned), "cases": len(errors)}


def equal(_conditions: Conditions) -> Sequence[Equal]:
    """Every stride meets the same kernels, paddings and dilations."""
    cases = float(len(KERNELS) * len(PADDINGS) * len(DILATIONS))
    return (Equal(what="kernels, paddings and dilations", values=dict.fromkeys(STRIDES, cases)),)


def draw(results: Results) -> Markup:
    """The example with its numbers, and what is left where the kernel is not turned."""
    axis = Axis(title="least relative error with the kernel as it is", low=0.0)
    return beside(
        "A convolution's gradient as a convolution", *example(), rows(results, "unturned", axis)
    )


def example() -> tuple[Panel, Panel]:
    """An input of 4×4 and a kernel of 3×3 with their numbers, forwards and backwards."""
    image = np.arange(16.0).reshape(4, 4) % 7
    kernel = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0], [2.0, 0.0, 1.0]])
    output = correlate(image, kernel)
    gradient = np.array([[1.0, -2.0], [3.0, 1.0]])
    forwards = [("input", image), ("kernel", kernel), ("output", output)]
    back = [
        ("output’s gradient", np.pad(gradient, 2)),
        ("turned", kernel[::-1, ::-1]),
        ("input’s gradient", backwards(gradient, kernel, (4, 4))),
    ]
    return _grids("forwards", forwards, ("∗", "=")), _grids("backwards", back, ("∗", "="))


def _grids(title: str, grids: Sequence[tuple[str, Floats]], between: Sequence[str]) -> Panel:
    """Tables of whole numbers in a line, with a sign between two."""
    parts, x = [element("text", title, x=8, y=12, class_="title")], 10.0
    middle = 40 + 3 * _CELL
    for place, (name, values) in enumerate(grids):
        top, wide = middle - len(values) * _CELL / 2, _CELL * values.shape[1]
        parts.append(element("text", name, x=x + wide / 2, y=top - 6, class_="mid"))
        for (row, column), value in np.ndenumerate(values):
            left, up = x + _CELL * column, top + _CELL * row
            parts += [
                element(
                    "rect", x=left, y=up, width=_CELL, height=_CELL, fill="none", class_="grid"
                ),
                element(
                    "text",
                    f"{value:.0f}".replace("-", "\N{MINUS SIGN}"),
                    x=left + _CELL / 2,
                    y=up + 16,
                    class_="name mid" if value else "mid",
                ),
            ]
        x += wide
        if place < len(between):
            parts.append(element("text", between[place], x=x + 9, y=middle + 4, class_="name mid"))
            x += 18
    return Panel(drawn=element("g", *parts), height=middle + 3 * _CELL + 8)


EXPERIMENT = Experiment(
    name="convolution-backwards",
    number=4,
    title="Back-propagation through a convolution",
    claim=(
        "The gradient at a convolution’s input is a convolution of the gradient at its output, "
        "with the kernel turned by half a circle."
    ),
    source="The working notes on gradients; Dumoulin and Visin 2016 (arXiv 1603.07285), Sec. 4.",
    chinese=(
        "卷积的反向传播",
        "卷积输入处的梯度，是输出处的梯度与旋转 180 度的卷积核的卷积。",
    ),
    settings=tuple(STRIDES),
    measure=measure,
    equal=equal,
    statements=(
        *(
            Statement(
                says=f"with {setting}, it is what automatic differentiation gives, for every "
                "kernel, padding and dilation (the largest error, in the largest gradient)",
                figure="error",
                contrast={setting: 1.0},
                wants="same",
                least=1e-12,
            )
            for setting in STRIDES
        ),
        Statement(
            says="and it is not where the kernel is not turned (the least error)",
            figure="unturned",
            contrast={"stride 1": 1.0},
            wants="more",
            least=0.1,
        ),
    ),
    figure=draw,
    caption=(
        "Above, the numbers of an example: the output’s gradient, with two zeros on each side, "
        "convolved with the turned kernel. Below, what is left of the truth where the kernel is "
        "not turned; a point is a seed."
    ),
    shown=(("cases", "cases"), ("error", "largest error"), ("unturned", "least error unturned")),
    cannot=(
        "It is arithmetic in float64 of one channel: more channels only add up, and a library’s "
        "float32 rounds more.",
    ),
    seeds=5,
)
