"""A module as a picture: its layers as boxes, its branches side by side, from the top down."""

from __future__ import annotations

from collections.abc import Sequence

from network_pages.boxes import Box, Module
from network_pages.drawing import box, document, number, text
from network_pages.layout import arrange
from network_pages.parts import WORDS
from striate.anatomy.costs.formulas import by

ROW, GAP = 74, 18
TALL = 44
MARGIN, HEAD = 26, 78
NARROWEST = 112.0
#: Boxes by what they do: the class of their colour.
COLOURS = {"1×1": "c0", "convolution": "c1", "depthwise": "c2", "linear": "c3", "block": "c3"}
STYLE = (
    ".small{font-size:11px}path{fill:none;stroke:#a9a599;stroke-width:1.6}"
    ".plain{fill:#fff;stroke:#a9a599}.tip{fill:#a9a599}.dim{fill:#666d79}"
    "@media (prefers-color-scheme:dark){path{stroke:#5a6270}.plain{fill:#1d222a;stroke:#5a6270}"
    ".tip{fill:#5a6270}.dim{fill:#97a0ad}}"
)


def title_of(module: Module) -> str:
    """What a picture is of."""
    if not module.kind:
        return "where auxiliary heads leave, in training"
    return f"{module.path}: {WORDS.get(module.kind, module.kind)}"


def module_picture(module: Module) -> str:
    """An SVG document, in light and dark."""
    title, ends = title_of(module), _ends(module)
    layout = arrange(module.boxes)
    wide = max(NARROWEST, *(_width(one) for one in module.boxes))
    across = (layout.columns - 1) * (wide + GAP)
    width = round(max(across + wide, 7.4 * len(title), 6.6 * len(ends)) + 2 * MARGIN)
    shift = (width - across) / 2
    height = HEAD + (layout.rows - 1) * ROW + TALL + MARGIN

    def place(at: tuple[float, int]) -> tuple[float, float]:
        return shift + at[0] * (wide + GAP), HEAD + at[1] * ROW + TALL / 2

    body = [text(MARGIN, 32, title, "strong"), text(MARGIN, 51, ends, "soft")]
    for line, below in zip(layout.lines, _readers(module.boxes), strict=True):
        body.append(_line([place(point) for point in line], below))
    for one, at in zip(module.boxes, layout.places, strict=True):
        body += _box(one, *place(at), wide)
    spoken = f"{title}: " + "; ".join(_words(one) for one in module.boxes[1:])
    return document((width, height), spoken, colours=4, style=STYLE, body=body)


def _width(one: Box) -> float:
    """What a box needs for its words."""
    return 20 + max(6.9 * len(one.title), 6.2 * len(", ".join(one.extras)))


def _ends(module: Module) -> str:
    """The shapes of what comes in and goes out."""
    if not module.kind:
        return "prediction never computes them"
    boxes = module.boxes
    read = {at for one in boxes for at in one.reads}
    coming = [by(one.shape) for one in boxes if one.kind == "input"]
    going = [by(one.shape) for at, one in enumerate(boxes) if at not in read]
    return f"{', '.join(coming)} to {', '.join(going)}"


def _readers(boxes: Sequence[Box]) -> list[Box]:
    return [one for one in boxes for _ in one.reads]


def _words(one: Box) -> str:
    return ", ".join((one.title, *one.extras))


def _height(one: Box) -> float:
    return 28.0 if one.kind in ("joint", "input") else TALL


def _line(points: Sequence[tuple[float, float]], reader: Box) -> str:
    """From below a box, past what lies between, to above the one that reads it."""
    points = [*points[:-1], (points[-1][0], points[-1][1] - _height(reader) / 2)]
    (x, y), *rest = points
    path = [f"M{number(x)},{number(y)}"]
    for at, (right, down) in enumerate(rest):
        # Straight down past the rows between, and across halfway between two rows.
        turn = (y + TALL / 2 + down - (TALL / 2 if at + 1 < len(rest) else 0)) / 2
        if abs(right - x) > 0.5:
            begin = y + TALL / 2
            a, b, c, d, e = map(number, (begin, x, turn, right, 2 * turn - begin))
            path.append(f"V{a}C{b},{c} {d},{c} {d},{e}")
        path.append(f"V{number(down)}")
        x, y = right, down
    tip = f'<path class="tip" d="M{number(x - 4)},{number(y - 7)}h8l-4,7z"/>'
    return f'<path d="{"".join(path)}"/>{tip}'


def _box(one: Box, x: float, y: float, wide: float) -> list[str]:
    tall = _height(one)
    if one.kind in ("joint", "input"):
        words = one.what if one.kind == "input" else _words(one)
        wide = wide if len(words) > 1 else 28.0
        shape = box(x - wide / 2, y - tall / 2, wide, tall, "plain").replace("/>", ' rx="14"/>')
        return [shape, text(x, y + 4, words, "soft" if one.kind == "input" else "strong", "middle")]
    kind = "c0" if (one.kind, one.what) == ("convolution", "1×1") else COLOURS.get(one.kind, "dim")
    shape = box(x - wide / 2, y - tall / 2, wide, tall, kind).replace("/>", ' rx="6"/>')
    extras = ", ".join(one.extras)
    if not extras:
        return [shape, text(x, y + 4, one.title, "on", "middle")]
    return [
        shape,
        text(x, y - 3, one.title, "on", "middle"),
        text(x, y + 13, extras, "on small", "middle"),
    ]
