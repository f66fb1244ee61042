"""A network's page: a network, or a run's with its answers, in one file to explore."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from striate.anatomy.costs.formulas import human_bytes
from striate.anatomy.graph.record import Graph
from striate.anatomy.table import table
from striate.anatomy.view.build import render, takes_picture
from striate.anatomy.view.picture import Pixels
from striate.data.decoding.decode import decode
from striate.data.preprocessing import Preprocessing
from striate.errors import NetworkError, RunError
from striate.hub.input_shapes import Size
from striate.hub.resolve import Resolved
from striate.runs.open_network import open_network
from striate.runs.run import Run
from striate.runs.samples import read_samples
from striate.support.files import output_file, write_text
from striate.support.paths import shown

#: No page shows an image of a longer side: nobody could tell its pixels apart.
LARGEST_SIDE = 16_384
#: Feature maps that a forward holds at once, in bytes; what takes more is not run for a page.
MOST_MEMORY = 8 << 30


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a network that is run for the page looks at, and what it is called."""

    network: nn.Module
    photo: Pixels | None
    name: str
    preprocess: Preprocessing | None = None
    classes: tuple[str, ...] = ()
    temperature: float = 1.0


def write_network_page(
    network: str | Path | nn.Module,
    output: Path | None = None,
    *,
    image: Path | None = None,
    against: str | Path | nn.Module | None = None,
    size: Size | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Path:
    """Write a page on which a network can be explored; returns its path.

    A run's page shows its predictions for the picture, or for one of the run's own images where
    none is given; a module's whose weights are in memory shows its feature maps. Neither does in
    training mode.

    Args:
        network: a name, a file, a run's folder or a module, as for
            `striate.runs.open_network.open_network`.
        output: the file; the network's name with ``.html``, in the working directory, if None.
        image: a photograph to look at; a picture drawn for the page if None.
        against: a second network, shown beside the first.
        size: of the image, in pixels; the network's default if None.
        inputs: examples of what its forward takes, instead of `size`.
        training: as the network is in training.
        allow_code: a run may name Python code as its network.

    Raises:
        StriateError: network, image, size or output are at fault.
    """
    if output is not None and output.suffix.lower() not in {".html", ".htm"}:
        # Never write over a photograph, or the file that a network was read from.
        why = "is no name for a page"
        raise NetworkError(shown(output), why, f"give {output.stem}.html")
    found = open_network(network, size=size, allow_code=allow_code)
    title = re.sub(r"[^\w.-]+", "-", found.name).strip("-") or "network"
    target = output_file(output or Path(f"{title[:200]}.html"), kind=NetworkError)
    _refuse_large(found)
    graph = found.record(inputs=inputs, training=training)
    if image is not None and not takes_picture(graph):
        what = f"image {shown(image)}"
        raise NetworkError(what, f"{found.name} takes no picture", "leave it out")
    other = None
    if against is not None:
        other = open_network(against, size=size, allow_code=allow_code).record()
    seen = None
    if inputs is None and not training:
        seen = _looked_at(network, found, graph, image, allow_code=allow_code)
    photo, name = (seen.photo, seen.name) if seen else _photograph(image)
    page = render(
        graph,
        photo=photo,
        photo_name=name,
        network=seen.network if seen else None,
        preprocess=seen.preprocess if seen else None,
        classes=seen.classes if seen else (),
        temperature=seen.temperature if seen else 1.0,
        against=other,
    )
    return write_text(target, page, kind=NetworkError)


def _refuse_large(found: Resolved) -> None:
    for shape in found.inputs:
        if len(shape) == 3 and max(shape[1:]) > LARGEST_SIDE:
            raise NetworkError(
                f"size {shape[1]}×{shape[2]}",
                f"a page shows images of up to {LARGEST_SIDE:,} pixels a side",
                "give a smaller one",
            )


def _looked_at(
    network: str | Path | nn.Module,
    found: Resolved,
    graph: Graph,
    image: Path | None,
    *,
    allow_code: bool,
) -> _Seen | None:
    """The trained network and its picture; None where there are no weights to run."""
    if found.source == "run":
        _refuse_memory(graph)
        run = Run.open(str(network), allow_code=allow_code)
        photo, name = _photograph(image) if image is not None else _kept_image(run)
        return _Seen(
            network=run.network(),
            photo=photo,
            name=name,
            preprocess=_preprocessing(run, found.input),
            classes=run.classes,
            temperature=run.temperature,
        )
    values = list(found.network.parameters())
    if isinstance(network, (str, Path)) or any(each.device.type != "cpu" for each in values):
        return None
    _refuse_memory(graph)
    photo, name = _photograph(image)
    return _Seen(network=found.network, photo=photo, name=name)


def _refuse_memory(graph: Graph) -> None:
    needed = table(graph).totals.memory
    if needed > MOST_MEMORY:
        raise NetworkError(
            f"size {'×'.join(map(str, graph.inputs[0][1:]))}",
            f"the feature maps of {graph.network} would take {human_bytes(needed)}",
            "give a smaller one",
        )


def _photograph(image: Path | None) -> tuple[Pixels | None, str]:
    return (None, "") if image is None else (decode(image), image.name)


def _kept_image(run: Run) -> tuple[Pixels | None, str]:
    """One of the images that the run keeps; none where it has lost them."""
    try:
        return read_samples(run)[0], "one of the run's own images"
    except RunError:
        return None, ""


def _preprocessing(run: Run, shape: tuple[int, ...]) -> Preprocessing:
    """What a run was trained with, for an input of `shape` where another size was asked for."""
    stored = run.preprocessing
    if stored.input_size == shape:
        return stored
    resize = max(shape[1:]) if stored.fit == "crop" else min(shape[1:])
    return replace(stored, resize=resize, height=shape[1], width=shape[2])
