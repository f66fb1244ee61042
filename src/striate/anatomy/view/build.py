"""The page of a network: gathered, rendered, and written in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from jinja2 import Environment
from torch import Tensor, nn

from striate.anatomy.graph.record import Graph
from striate.anatomy.view.activations import watch
from striate.anatomy.view.payload import Space, payload
from striate.anatomy.view.picture import Pixels, as_address, cut, landscape, with_channels
from striate.anatomy.view.totals import totals
from striate.support.html import asset, frame, templates

ASSETS = Path(__file__).parent / "assets"

#: The page's script, in this order; the first is dagre's bundle, the others are ours.
SCRIPTS = ("model.js", "layout.js", "moves.js", "graph.js", "sight.js", "detail.js", "app.js")

METRICS = {
    "macs": "MACs",
    "parameters": "Parameters",
    "memory": "Memory",
    "field": "Receptive field",
}
KEYS = (
    (("/",), "find a layer"),
    (("↑", "↓", "←", "→"), "go to the next layer that way"),
    (("Enter",), "open or close a group"),
    (("Backspace",), "close the group around"),
    (("M",), "to the feature map: arrows move over its cells"),
    (("C",), "colour by something else"),
    (("E", "X"), "open, close every group"),
    (("F", "+", "−"), "show all, zoom"),
    (("Esc",), "back to the graph"),
)

#: Pictures up to this side are shown pixel by pixel; smoothing would only blur them.
_PIXEL_ART = 96

#: The longest side of the picture in the page; the network's own may be far larger.
_SHOWN_SIDE = 1024
#: So many classes are listed, the likeliest first.
_ANSWERS = 5

_UNTRAINED = (
    "There are no activations here, because no trained weights were given: the output of an "
    "untrained network is noise. The page of a run's folder shows its predictions."
)
_NO_IMAGE = "There are no activations here, because this network takes no single picture."


class Preprocess(Protocol):
    """From an image to what a trained network takes; `striate.data`'s Preprocessing is one."""

    def fit_image(self, image: Pixels) -> Pixels:
        """From uint8 (H, W, 1 or 3) to uint8 of the input's height, width and channels."""

    def normalise(self, images: Tensor) -> Tensor:
        """From uint8 (N, H, W, C) to float (N, C, H, W)."""


def render(
    graph: Graph,
    *,
    photo: Pixels | None = None,
    photo_name: str = "",
    network: nn.Module | None = None,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] = (),
    temperature: float = 1.0,
    against: Graph | None = None,
) -> str:
    """A page, as HTML, on which `graph` can be explored.

    Args:
        graph: the record of the network that the page is about.
        photo: uint8 (H, W, 1 or 3) of any size, called `photo_name`; a picture of our own if
            absent.
        photo_name: what the page calls `photo`; empty where there is none.
        network: with trained weights, on the CPU: real activations are shown. `graph` is its
            record.
        preprocess: what that network was trained with; without it the photo's centre is cut out,
            and goes in as numbers from 0 to 1.
        classes: what the network's outputs mean; empty where nobody knows.
        temperature: by which they are divided before the softmax.
        against: a second network, shown beside the first.
    """
    sheets, answers, note = None, None, _UNTRAINED
    pixels = None
    if network is not None:
        note = "" if _looks_at_one(graph) else _NO_IMAGE
        if not note:
            pixels = _picture(graph, photo, preprocess)
            watched = watch(network, graph, _batch(pixels, preprocess))
            sheets, answers = watched.sheets, _answers(watched.output, classes, temperature)
    networks = [
        payload(
            graph,
            picture=_shown(graph, photo, photo_name, pixels),
            sheets=sheets,
            answers=answers,
        )
    ]
    graphs = [graph]
    if against is not None:
        networks.append(payload(against, picture=_shown(against, photo, photo_name)))
        graphs.append(against)
    sums = [totals(each) for each in graphs]
    return (
        _templates()
        .get_template("viewer.html")
        .render(
            title=" against ".join(each.network for each in graphs),
            networks=_cells(graphs, sums),
            totals=list(sums[0]),
            metrics=METRICS.items(),
            keys=KEYS,
            note=note,
            data={"networks": networks},
            **frame(asset(ASSETS / "viewer.css"), _script()),
        )
    )


def takes_picture(graph: Graph) -> bool:
    """Whether what goes in first can be shown as a picture: it has rows and columns."""
    return Space.of(graph) is Space.PICTURE


def _looks_at_one(graph: Graph) -> bool:
    """Whether a picture, grey or in colour, is all that goes in."""
    return takes_picture(graph) and len(graph.inputs) == 1 and graph.inputs[0][0] in (1, 3)


def _picture(graph: Graph, photo: Pixels | None, preprocess: Preprocess | None) -> Pixels:
    """What goes in, uint8 (height, width, 1 or 3)."""
    channels, height, width = graph.inputs[0]
    given = landscape(height, width) if photo is None else photo
    if preprocess is not None:
        return preprocess.fit_image(given)
    return with_channels(cut(given, height, width), 1 if channels == 1 else 3)


def _shown(
    graph: Graph, photo: Pixels | None, name: str, pixels: Pixels | None = None
) -> dict[str, Any] | None:
    """The picture as the page shows it, from the `pixels` that went in where any did."""
    if not takes_picture(graph):
        return None
    channels, height, width = graph.inputs[0]
    scale = min(1.0, _SHOWN_SIDE / max(height, width))
    down, across = max(1, round(height * scale)), max(1, round(width * scale))
    if pixels is None:
        pixels = landscape(down, across) if photo is None else photo
        pixels = with_channels(cut(pixels, down, across), 1 if channels == 1 else 3)
    elif scale < 1:
        pixels = cut(pixels, down, across)
    small = max(height, width) <= _PIXEL_ART
    how = {"lossless": True} if small else {"quality": 86}
    return {
        "src": as_address(pixels, **how),
        "width": width,
        "height": height,
        "pixels": small,
        "name": name or "hills under a low sun, drawn for this page",
    }


def _answers(
    output: object, classes: Sequence[str], temperature: float
) -> list[dict[str, Any]] | None:
    """The likeliest of `classes` with their probabilities, where `output` is about them."""
    if not isinstance(output, Tensor) or output.shape != (1, len(classes)):
        return None
    shares = (output[0].float() / temperature).softmax(0)
    if not bool(shares.isfinite().all()):
        return None
    likeliest = shares.topk(min(_ANSWERS, len(classes)))
    return [
        {"name": classes[index], "share": round(share, 6)}
        for share, index in zip(likeliest.values.tolist(), likeliest.indices.tolist(), strict=True)
    ]


def _batch(pixels: Pixels, preprocess: Preprocess | None) -> Tensor:
    images = torch.from_numpy(pixels.copy())[None]
    if preprocess is not None:
        return preprocess.normalise(images)
    return images.permute(0, 3, 1, 2).float() / 255


def _cells(graphs: list[Graph], sums: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row of totals for each network, each number with its share of the larger one."""
    most = {name: max(each[name].number for each in sums) or 1 for name in sums[0]}
    return [
        {
            "name": graph.network,
            "cells": [
                {"value": total.text, "note": total.note, "share": total.number / most[name]}
                for name, total in each.items()
            ],
        }
        for graph, each in zip(graphs, sums, strict=True)
    ]


@cache
def _templates() -> Environment:
    return templates(ASSETS)


def _script() -> str:
    """One script, whose names are nobody else's; dagre comes with its licence."""
    bundle = (ASSETS / "vendor" / "dagre.min.js").read_text(encoding="utf-8")
    licence = (ASSETS / "vendor" / "dagre.LICENSE.txt").read_text(encoding="utf-8")
    # The last line names a map of the bundle's source, which a browser would ask for.
    bundle = bundle[: bundle.rindex("//# sourceMappingURL")]
    ours = "\n".join(asset(ASSETS / name) for name in SCRIPTS)
    return f'\n/*! dagre\n\n{licence}*/\n{bundle}\n(() => {{\n"use strict";\n{ours}\n}})();\n'
