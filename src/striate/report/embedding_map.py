"""Held-out images as points on a plane: those that the network finds alike lie together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from striate.evaluation.embeddings import Floats, principal_plane, umap_plane
from striate.report.embedded import Embedded
from striate.report.inputs import ReportInputs
from striate.report.pictures import labels_of, pictures
from striate.support.svg import element
from striate.support.words import count, percent

WIDTH, HEIGHT, MARGIN = 1000, 640, 26
TILE = 34
"""Side of a picture on the map."""
TILE_PIXELS = 56
"""Side in pixels of what is embedded for it: enough for fine screens."""
MOST_TILES = 180
MOST_COLOURS = 10
"""With more classes colours could not be told apart."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingMap:
    """One layout of the images."""

    title: str
    note: str
    svg: Markup


@dataclass(frozen=True, kw_only=True)
class EmbeddingSection:
    """What the page shows of the embeddings."""

    sentence: str
    maps: Sequence[EmbeddingMap]
    legend: Sequence[tuple[str, str]]
    """(style, class); empty where there are too many classes."""


def embedding_section(inputs: ReportInputs) -> EmbeddingSection | None:
    """The section; None where there are no embeddings."""
    found = inputs.insight.embedded
    if found is None:
        return None
    plane, share = principal_plane(found.held_values)
    maps = [
        EmbeddingMap(
            title="Principal components",
            note=f"the two hold {percent(share, 0)} of the variance",
            svg=_drawn(inputs, found, plane, "principal components"),
        )
    ]
    laid = umap_plane(found.held_values, inputs.seed)
    if laid is not None:
        note = "neighbours stay together; distances between groups mean little"
        maps.insert(
            0, EmbeddingMap(title="UMAP", note=note, svg=_drawn(inputs, found, laid, "UMAP"))
        )
    names = inputs.evaluation.classes
    coloured = len(names) <= MOST_COLOURS
    return EmbeddingSection(
        sentence=_sentence(inputs, found, coloured=coloured),
        maps=maps,
        legend=[(f"k{at}", name) for at, name in enumerate(names)] if coloured else [],
    )


def _sentence(inputs: ReportInputs, found: Embedded, *, coloured: bool) -> str:
    shown = (
        "all"
        if len(found.held) == found.of_held
        else f"{count(len(found.held))} of {count(found.of_held)}"
    )
    said = (
        f"What the classifier sees of {shown} held-out images, {found.held_values.shape[1]:,} "
        "numbers each, laid out on a plane: images that are alike to the network lie together."
    )
    colours = " Colours are the labels’ classes;" if coloured else ""
    return f"{said}{colours} images with a red ring or frame were classified wrongly."


def _drawn(inputs: ReportInputs, found: Embedded, plane: Floats, label: str) -> Markup:
    xs, ys = _spread(plane)
    labels = labels_of(inputs.images)
    predicted = inputs.probabilities.argmax(axis=1)
    tiles = _tiles(xs, ys)
    sources = dict(
        zip(
            tiles,
            pictures(inputs, [int(found.held[at]) for at in tiles], TILE_PIXELS),
            strict=True,
        )
    )
    coloured = len(inputs.evaluation.classes) <= MOST_COLOURS
    dots, shown = [], []
    for at, image in enumerate(found.held.tolist()):
        wrong = bool(predicted[image] != labels[image])
        kind = f"k{labels[image]}" if coloured else "k"
        style = f"{kind} missed" if wrong else kind
        title = element("title", _title(inputs, image, int(labels[image]), int(predicted[image])))
        x, y = float(xs[at]), float(ys[at])
        if at not in sources:
            dots.append(element("circle", title, cx=x, cy=y, r=3.2, class_=style))
            continue
        corner = {"x": x - TILE / 2, "y": y - TILE / 2, "width": TILE, "height": TILE}
        tile = element("image", href=sources[at], preserveAspectRatio="xMidYMid slice", **corner)
        shown.append(element("g", title, tile, element("rect", class_=style, rx=3, **corner)))
    return element(
        "svg",
        *dots,
        *shown,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Held-out images by their embeddings: {label}",
        class_="embedding",
    )


def _title(inputs: ReportInputs, image: int, label: int, predicted: int) -> str:
    names = inputs.evaluation.classes
    told = f"{inputs.images.names[image]}: {names[label]}"
    return told if label == predicted else f"{told}, predicted {names[predicted]}"


def _spread(plane: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the plane in pixels, filling the map in both directions."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    shares = (plane - low) / np.where(high > low, high - low, 1)
    xs = MARGIN + shares[:, 0].astype(np.float64) * (WIDTH - 2 * MARGIN)
    ys = HEIGHT - MARGIN - shares[:, 1].astype(np.float64) * (HEIGHT - 2 * MARGIN)
    return np.round(xs, 1), np.round(ys, 1)


def _tiles(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> list[int]:
    """Points that are shown as pictures, which do not cover one another."""
    chosen: list[int] = []
    for at in range(len(xs)):
        beside = np.maximum(np.abs(xs[chosen] - xs[at]), np.abs(ys[chosen] - ys[at]))
        if not len(beside) or beside.min() > TILE + 2:
            chosen.append(at)
        if len(chosen) == MOST_TILES:
            break
    return chosen
