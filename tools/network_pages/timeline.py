"""All networks by year as one picture: error, MACs, parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import groupby

from network_pages.drawing import box, disc, document, line, text
from network_pages.page import in_time
from striate.anatomy.costs.formulas import human_count
from striate.zoo.catalogue import Entry
from striate.zoo.published import IMAGENET, Figure, published

WIDTH, EDGE, HEAD = 960, 28, 132
ROW, GAP = 17.0, 14.0
YEAR, NAME = 30.0, 82.0
ERROR = (300.0, 560.0)
MACS = (606.0, 724.0)
PARAMETERS = (782.0, 870.0)
HIGHEST = 45  # per cent
COLOURS = 7
STYLE = (
    ".s0,.s1,.s2,.s3,.s4,.s5,.s6{stroke-width:1.6}.ring{fill:none}.year{font-size:17px;"
    "font-weight:600}.title{font-size:18px;font-weight:600}.many{opacity:.5}.stem{opacity:.55}"
)


def best(name: str) -> Figure | None:
    """The figure that compares best: ImageNet before others, one crop before several."""
    found = published().get(name, ())
    order = {IMAGENET: 0, "CIFAR-10 test": 1, "MNIST test": 1}
    known = [one for one in found if one.data in order]
    # `min` keeps the first of equals, so that the source's order decides.
    return min(
        known,
        key=lambda one: (order[one.data], not one.single, one.top5 is None),
        default=None,
    )


def timeline() -> str:
    """An SVG document: a row a network, a block a year."""
    networks = in_time()
    papers = list(dict.fromkeys(one.paper for one in networks))
    body: list[str] = []
    y = float(HEAD)
    for year, members in groupby(networks, key=lambda one: one.year):
        body.append(line(EDGE, y - GAP / 2, WIDTH - EDGE, y - GAP / 2, "axis"))
        body.append(text(YEAR, y + 15, str(year), "year"))
        for one in members:
            y += ROW
            body += _row(one, y - 4, papers.index(one.paper) % COLOURS)
        y += GAP
    height = math.ceil(y + 14)
    years = f"from {networks[0].year} to {networks[-1].year}"
    title = f"Networks {years}: published error, MACs and parameters of each"
    body = [*_frame(y - GAP), *body]
    return document((WIDTH, height), title, colours=COLOURS, style=STYLE, body=body)


def _frame(bottom: float) -> list[str]:
    """Titles, the key, and the rules that the rows are read by."""
    parts = [text(EDGE, 36, "Published error, work and size", "title"), *_key()]
    for per_cent in range(0, HIGHEST + 1, 10):
        x = _error(per_cent / 100)
        parts.append(line(x, HEAD - 8, x, bottom, "rule"))
        parts.append(text(x, HEAD - 14, f"{per_cent} %", "soft", "middle"))
    for span, exponents in ((MACS, (6, 7, 8, 9, 10)), (PARAMETERS, (5, 6, 7, 8))):
        for exponent in exponents:
            x = _log(10**exponent, span)
            parts.append(line(x, HEAD - 8, x, bottom, "rule"))
            if exponent % 2:
                continue
            words = re.sub(r"\.0+", "", human_count(10**exponent))
            parts.append(text(x, HEAD - 14, words, "soft", "middle"))
    for (left, _), words in ((MACS, "MACs"), (PARAMETERS, "parameters")):
        parts.append(text(left - 8, HEAD - 34, words, "strong"))
    parts.append(text(ERROR[0], HEAD - 34, "error", "strong"))
    return parts


def _key() -> list[str]:
    """What the marks and colours mean, in a line below the title."""
    y, parts, x = 62.0, [], EDGE + 4.0
    for mark, words, width in (
        (disc(x, y, 4, "c0"), "top-5", 0),
        (disc(x + 64, y, 3.6, "ring s0"), "top-1", 64),
        (disc(x + 128, y, 4, "c0 many"), "several crops (pale)", 128),
        (box(x + 278, y - 3.5, 7, 7, "c0"), "top-1 on CIFAR-10 or MNIST", 278),
        ("", "one colour a paper", 478),
    ):
        parts += [mark, text(x + width + 12, y + 4, words, "soft")]
    return parts


def _error(value: float) -> float:
    return ERROR[0] + (ERROR[1] - ERROR[0]) * value * 100 / HIGHEST


def _log(value: float, span: tuple[float, float]) -> float:
    low, high = (5.0, 10.5) if span is MACS else (4.7, 8.3)
    share = (math.log10(value) - low) / (high - low)
    return span[0] + share * (span[1] - span[0])


def _row(one: Entry, y: float, colour: int) -> list[str]:
    parts = [text(NAME, y + 4, one.name, f"c{colour}")]
    parts += _errors(best(one.name), y, colour)
    for value, span in ((one.macs, MACS), (one.parameters, PARAMETERS)):
        x = _log(value, span)
        parts.append(line(span[0] - 8, y, x, y, f"s{colour} stem"))
        parts.append(disc(x, y, 3.2, f"c{colour}"))
        parts.append(text(x + 8, y + 4, human_count(value), "soft"))
    return parts


def _errors(figure: Figure | None, y: float, colour: int) -> Sequence[str]:
    if figure is None:
        return ()
    pale = "" if figure.single else " many"
    if figure.data != IMAGENET:
        assert figure.top1 is not None
        return (box(_error(figure.top1) - 3.5, y - 3.5, 7, 7, f"c{colour}{pale}"),)
    parts = []
    if figure.top1 is not None and figure.top5 is not None:
        a, b = _error(figure.top5) + 4, _error(figure.top1) - 4
        parts.append(line(a, y, b, y, f"s{colour} stem"))
    if figure.top5 is not None:
        parts.append(disc(_error(figure.top5), y, 4, f"c{colour}{pale}"))
    if figure.top1 is not None:
        parts.append(disc(_error(figure.top1), y, 3.6, f"ring s{colour}{pale}"))
    return parts
