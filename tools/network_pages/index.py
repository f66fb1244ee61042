"""The page of all networks: the picture in time, and the same as text."""

# ruff: noqa: E501 - the page's prose

from __future__ import annotations

from itertools import groupby

from network_pages.page import in_time, per_cent
from network_pages.timeline import best
from striate.anatomy.costs.formulas import by, human_count
from striate.zoo.catalogue import Entry
from striate.zoo.published import IMAGENET

HEAD = """# The networks, in time

A page for every network of the catalogue: its idea, its layers, what they cost, what was published
about it, how it is trained, and where to get weights. The pages are generated; every number on them was
counted by the program or stands in a named source. `python tools/networks.py` writes them, and a test
notices when they are no longer true.

![Every network by year: published error, MACs, parameters](images/timeline.svg)

One row a network; the colour changes with the paper. Errors are for single networks, never for ensembles, with one crop
where such a figure exists; different crops and test sets do not compare. MACs are multiply-accumulates
of convolution and dense layers for one image of the network's own size, on a logarithmic scale like the
parameters, which include auxiliary heads.

`striate list-networks` prints the catalogue, and `striate compare` puts any of them side by side.
"""

TAIL = """## Left out

`inception_v2_rethinking`, the "Inception v2" of Table 3 of *Rethinking the Inception Architecture*, is
not here: the paper does not print the channels of its modules, and nobody released the network, so
that nothing could be held to it. [inception_v2](inception_v2.md) is the network of the
batch-normalisation paper, which later papers call by the same name.
"""


def index() -> str:
    """The whole document."""
    parts = [HEAD]
    for year, members in groupby(in_time(), key=lambda one: one.year):
        rows = [
            "| network | | input | parameters | MACs | top-1 error | top-5 error | measured on |"
        ]
        rows.append("|:--|:--|--:|--:|--:|--:|--:|:--|")
        rows += [_row(one) for one in members]
        parts.append(f"## {year}\n\n" + "\n".join(rows) + "\n")
    parts.append(TAIL)
    return "\n".join(parts)


def _row(one: Entry) -> str:
    found = best(one.name)
    cells = [
        f"[{one.name}]({one.name}.md)",
        one.title,
        by(one.input),
        human_count(one.parameters),
        human_count(one.macs),
        per_cent(found.top1) if found else "",
        per_cent(found.top5) if found else "",
        "",
    ]
    if found:
        data = "ImageNet" if found.data == IMAGENET else found.data.split()[0]
        cells[-1] = f"{data}, {found.crops}"
    return f"| {' | '.join(cells)} |"
