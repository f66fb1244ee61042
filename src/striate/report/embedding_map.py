"""Held-out images as points on a plane: those that the network finds alike lie together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from striate.evaluation.embeddings import Floats, principal_plane, umap_plane
from striate.report.embedded import Embedded
from striate.report.inputs import PageInputs, ReportInputs
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


@dataclass(frozen=True, kw_only=True)
class Look:
    """How an image is shown on a map: its title, its class in the style sheet, its own colour."""

    title: str
    style: str
    colour: str | None = None


Looks = Callable[[int], Look]
"""How the held-out image of a number looks."""


def embedding_section(inputs: ReportInputs) -> EmbeddingSection | None:
    """The section; None where there are no embeddings."""
    found = inputs.insight.embedded
    if found is None:
        return None
    names = inputs.evaluation.classes
    coloured = len(names) <= MOST_COLOURS
    colours = " Colours are the labels’ classes;" if coloured else ""
    return EmbeddingSection(
        sentence=(
            f"{embedding_sentence(found)}{colours} images with a red ring or frame were "
            "classified wrongly."
        ),
        maps=maps_of(inputs, found, _looks(inputs, coloured=coloured)),
        legend=[(f"k{at}", name) for at, name in enumerate(names)] if coloured else [],
    )


def maps_of(inputs: PageInputs, found: Embedded, looks: Looks) -> list[EmbeddingMap]:
    """The layouts of the images: by UMAP, where it is there, and along principal components."""
    plane, share = principal_plane(found.held_values)
    maps = [
        EmbeddingMap(
            title="Principal components",
            note=f"the two hold {percent(share, 0)} of the variance",
            svg=_drawn(inputs, found, plane, "principal components", looks),
        )
    ]
    laid = umap_plane(found.held_values, inputs.seed)
    if laid is not None:
        note = "neighbours stay together; distances between groups mean little"
        svg = _drawn(inputs, found, laid, "UMAP", looks)
        maps.insert(0, EmbeddingMap(title="UMAP", note=note, svg=svg))
    return maps


def embedding_sentence(found: Embedded) -> str:
    """What is laid out."""
    shown = (
        "all"
        if len(found.held) == found.of_held
        else f"{count(len(found.held))} of {count(found.of_held)}"
    )
    return (
        f"What the classifier sees of {shown} held-out images, {found.held_values.shape[1]:,} "
        "numbers each, laid out on a plane: images that are alike to the network lie together."
    )


def _looks(inputs: ReportInputs, *, coloured: bool) -> Looks:
    labels, predicted = labels_of(inputs.images), inputs.probabilities.argmax(axis=1)

    def look(image: int) -> Look:
        kind = f"k{labels[image]}" if coloured else "k"
        missed = bool(predicted[image] != labels[image])
        title = _title(inputs, image, int(labels[image]), int(predicted[image]))
        return Look(title=title, style=f"{kind} missed" if missed else kind)

    return look


def _drawn(inputs: PageInputs, found: Embedded, plane: Floats, label: str, looks: Looks) -> Markup:
    xs, ys = _spread(plane)
    tiles = _tiles(xs, ys)
    sources = dict(
        zip(
            tiles,
            pictures(inputs, [int(found.held[at]) for at in tiles], TILE_PIXELS),
            strict=True,
        )
    )
    dots, shown = [], []
    for at, image in enumerate(found.held.tolist()):
        look = looks(image)
        title = element("title", look.title)
        x, y = float(xs[at]), float(ys[at])
        if at not in sources:
            dots.append(
                element("circle", title, cx=x, cy=y, r=3.2, fill=look.colour, class_=look.style)
            )
            continue
        corner = {"x": x - TILE / 2, "y": y - TILE / 2, "width": TILE, "height": TILE}
        tile = element("image", href=sources[at], preserveAspectRatio="xMidYMid slice", **corner)
        frame = element("rect", class_=look.style, stroke=look.colour, rx=3, **corner)
        shown.append(element("g", title, tile, frame))
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
