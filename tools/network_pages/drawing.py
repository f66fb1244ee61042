"""Lines, letters and colours of the pictures, in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

FONT = (
    'Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif'
)
LIGHT = ("#0f766e", "#2563a8", "#6d4aa8", "#b23a78", "#c2571a")
DARK = ("#5fc9bb", "#74aef0", "#b59cf0", "#f08cc0", "#f0a36f")


def ramp(stops: Sequence[str], count: int) -> list[str]:
    """`count` colours from the first of `stops` to the last."""
    found = []
    for at in range(count):
        place = at / max(count - 1, 1) * (len(stops) - 1)
        left = min(int(place), len(stops) - 2)
        pairs = zip(_channels(stops[left]), _channels(stops[left + 1]), strict=True)
        mixed = [round(a + (b - a) * (place - left)) for a, b in pairs]
        found.append("#" + "".join(f"{value:02x}" for value in mixed))
    return found


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def number(value: float) -> str:
    """A tenth of a pixel is enough, and equal everywhere."""
    return f"{value:.1f}".removesuffix(".0")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of the class `kind`."""
    a, b, c, d = map(number, (x1, y1, x2, y2))
    return f'<line class="{kind}" x1="{a}" y1="{b}" x2="{c}" y2="{d}"/>'


def polygon(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A filled shape of the class `kind`."""
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polygon class="{kind}" points="{path}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle of the class `kind`."""
    a, b, c, d = map(number, (x, y, width, height))
    return f'<rect class="{kind}" x="{a}" y="{b}" width="{c}" height="{d}"/>'


def disc(x: float, y: float, radius: float, kind: str) -> str:
    """A circle of the class `kind`."""
    return f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words; `anchor` is start, middle or end."""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{side}>{escape(words)}</text>'


def document(
    size: tuple[int, int], title: str, *, colours: int, style: str, body: Sequence[str]
) -> str:
    """A whole SVG whose classes c0 … fill and s0 … draw in `colours` colours.

    `size` is (width, height), `title` what a screen reader says.
    """
    width, height = size
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            "<style>",
            f"text{{font-family:{FONT};font-size:12px;fill:#1d2129}}",
            ".ground{fill:#faf9f6}.soft{fill:#5b6371}.strong{font-weight:600}.on{fill:#fff}",
            ".rule{stroke:#e5e2da}.axis{stroke:#a9a599}.grey{fill:#9a9fa8}",
            *_classes(ramp(LIGHT, colours)),
            style,
            "@media (prefers-color-scheme:dark){",
            "text{fill:#e9e7e2}.ground{fill:#13161b}.soft{fill:#a4acb9}.on{fill:#13161b}",
            ".rule{stroke:#2b313b}.axis{stroke:#5a6270}.grey{fill:#6b7480}",
            *_classes(ramp(DARK, colours)),
            "}",
            "</style>",
            f'<rect class="ground" width="{width}" height="{height}" rx="10"/>',
            *body,
            "</svg>",
            "",
        )
    )


def _classes(colours: Sequence[str]) -> list[str]:
    return [f".c{at}{{fill:{one}}}.s{at}{{stroke:{one}}}" for at, one in enumerate(colours)]
