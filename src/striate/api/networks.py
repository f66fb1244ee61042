"""Networks: the list of them, making one, and looking at any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from striate.errors import NetworkError, parameter

if TYPE_CHECKING:
    from torch import nn

    from striate.anatomy.compare import Comparison
    from striate.anatomy.explain import Explanation
    from striate.anatomy.graph.record import Graph
    from striate.anatomy.table import Table
    from striate.anatomy.what_if import WhatIf
    from striate.runs.run import Run
    from striate.zoo.catalogue import Entry
    from striate.zoo.layers import Network


def list_networks() -> tuple[Entry, ...]:
    """Every network: name, family, title, paper, year, input (C, H, W), parameters, MACs.

    Read from a data file that the tests keep true, so that it needs no torch.
    """
    from striate.zoo.catalogue import entries

    return entries()


def create(
    name: str,
    classes: int | None = None,
    in_channels: int | None = None,
    *,
    weights: str | Path | None = None,
    **variant: Any,
) -> Network:
    """The network called `name`, freshly initialised as its paper does, or with known weights.

    Args:
        name: one of `list_networks`.
        classes: outputs; None for the paper's own number, or as many as `weights` have.
        in_channels: 1 for grey images, 3 for colour; None for the paper's own.
        weights: ``torchvision``, ``timm``, a .safetensors or .pth file, or a run's folder; random
            ones if None. With another number of classes all but the classifier is taken.
        **variant: the network's named variants, such as ``auxiliary=True`` for ``googlenet_bn``.

    Returns:
        A module whose ``forward`` takes (N, C, H, W) and returns logits (N, classes); networks with
        auxiliary heads return ``TrainingOutput(logits, auxiliary)`` in training mode. ``features``
        gives the last feature map and ``embed`` the vector that the classifier sees.
    """
    if weights is not None:
        from striate.hub.weights import create_from
        from striate.runs.starting_weights import find_weights
        from striate.zoo.catalogue import entry

        found = find_weights(entry(name).name, weights, **variant)
        return create_from(found, name, classes=classes, in_channels=in_channels, **variant)[0]
    from striate.zoo.create import create as make

    return make(name, classes=classes, in_channels=in_channels, **variant)


def create_run(
    name: str,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    classes: int | None = None,
    seed: int = 0,
    variant: Mapping[str, Any] | None = None,
) -> Run:
    """A run of a network as it is, without training, so that every command works on it.

    Args:
        name: one of `list_networks`.
        out: the run's folder; it must not hold a run.
        weights: ``torchvision``, ``timm``, a file or a run's folder; random ones if None.
            Pre-processing and class names come with them where anybody knows them.
        classes: as many as the weights have if None; with another number the classifier starts
            anew.
        seed: decides what starts anew.
        variant: the network's named variants.

    Raises:
        StriateError: the weights cannot be had, are damaged or those of another network.
    """
    from striate.runs.create import create_run as create

    return create(name, out, weights=weights, classes=classes, seed=seed, variant=variant)


def table(
    network: str | Path | nn.Module,
    *,
    size: int | tuple[int, int] | None = None,
    depth: int | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Table:
    """What a network is made of and costs: rows of layers, and totals.

    Args:
        network: a name of `list_networks`, ``torchvision:NAME``, ``timm:NAME``, ``FILE.py:CLASS``,
            ``PACKAGE.MODULE:NAME``, a run's folder, or a module. No weight is allocated for it.
        size: of the image, in pixels; the network's own if None.
        depth: group operators by module, so many levels down; None for every operator.
        inputs: examples of what its forward takes, instead of `size`: a tensor, a tuple of
            arguments, or a dictionary of named ones. Shapes and types count, values do not; costs
            are for their batch.
        training: as the network is in training: with auxiliary heads, dropout, and the batch's own
            statistics.
        allow_code: a run's folder may name Python code as its network, and run it: only if you
            trust whoever made it.

    Returns:
        ``rows`` and ``totals``: sizes (C, H, W), parameters, multiply-accumulates, bytes, receptive
        fields and jumps (height, width). ``to_json()`` gives them as plain values.
    """
    from striate.anatomy.table import table as tabulate

    graph = _graph(network, size=size, inputs=inputs, training=training, allow_code=allow_code)
    return tabulate(graph, depth=depth)


@overload
def explain(
    network: str | Path | nn.Module,
    layer: None = None,
    *,
    size: int | tuple[int, int] | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> tuple[Explanation, ...]: ...


@overload
def explain(
    network: str | Path | nn.Module,
    layer: str,
    *,
    at: tuple[int, int] | None = None,
    size: int | tuple[int, int] | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Explanation: ...


def explain(
    network: str | Path | nn.Module,
    layer: str | None = None,
    *,
    at: tuple[int, int] | None = None,
    size: int | tuple[int, int] | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Explanation | tuple[Explanation, ...]:
    """The arithmetic of one layer with its numbers filled in, or of all in turn.

    Args:
        network: as for `table`.
        layer: a name of `table`; every operator in turn, in short, if None.
        at: (row, column) of the output position whose pixels are shown; the centre if None.
        size: as for `table`.
        inputs: as for `table`.
        training: as for `table`.
        allow_code: as for `table`.
    """
    from striate.anatomy import explain as explaining

    graph = _graph(network, size=size, inputs=inputs, training=training, allow_code=allow_code)
    if layer is None:
        return explaining.explain_all(graph)
    return explaining.explain(graph, layer, at=at)


def what_if(*layers: str) -> tuple[WhatIf, ...]:
    """The arithmetic of layers that belong to no network, side by side.

    Examples:
        >>> import striate
        >>> wide, narrow = striate.what_if("5x5 128->256 @100x100", "1x1 128->32, 5x5 32->256")
        >>> wide.macs, narrow.macs
        (8192000000, 2088960000)
    """
    from striate.anatomy.what_if import what_if as count

    return count(layers)


def compare(
    networks: Sequence[str | Path | nn.Module],
    *,
    size: int | tuple[int, int] | None = None,
    inputs: Any = None,
    timed: bool = False,
    allow_code: bool = False,
) -> Comparison:
    """Networks side by side: parameters, MACs, memory, depth, receptive field, published error.

    Args:
        networks: as for `table`.
        size: as for `table`.
        inputs: as for `table`.
        timed: run each on one image on this machine, and give the median milliseconds.
        allow_code: as for `table`.
    """
    from striate.anatomy.compare import compare as beside
    from striate.anatomy.timing import forward_time
    from striate.hub.figures import figures
    from striate.runs.open_network import open_network

    graphs, times = [], []
    for network in networks:
        graph = _graph(network, size=size, inputs=inputs, allow_code=allow_code)
        graphs.append(graph)
        if timed:
            found = open_network(network, device="cpu", size=size, allow_code=allow_code)
            times.append(forward_time(found.network, graph, inputs=inputs))
    published = {graph.network: figures(graph.network) for graph in graphs}
    return beside(graphs, published, times if timed else None)


def view(
    network: str | Path | nn.Module,
    output: str | Path | None = None,
    *,
    image: str | Path | None = None,
    against: str | Path | nn.Module | None = None,
    size: int | tuple[int, int] | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Path:
    """Write one HTML file in which a network can be explored; returns its path.

    Args:
        network: as for `table`. A run's answers to the image are shown too.
        output: the file; the network's name with ``.html`` if None.
        image: a photograph to look at; a picture of its own if None.
        against: a second network, shown beside the first.
        size: as for `table`.
        inputs: as for `table`.
        training: as for `table`.
        allow_code: as for `table`.
    """
    from striate.report.network_page import write_network_page

    return write_network_page(
        network,
        None if output is None else Path(output),
        image=None if image is None else Path(image),
        against=against,
        size=size,
        inputs=inputs,
        training=training,
        allow_code=allow_code,
    )


def _graph(
    network: str | Path | nn.Module,
    *,
    size: int | tuple[int, int] | None,
    inputs: Any,
    training: bool = False,
    allow_code: bool,
) -> Graph:
    """One forward of what `network` names, recorded."""
    from striate.runs.open_network import open_network

    if inputs is not None and size is not None:
        both = f"{parameter('size')} and {parameter('inputs')}"
        raise NetworkError(both, "both say what goes in", "give one of them")
    found = open_network(network, size=size, allow_code=allow_code)
    return found.record(inputs=inputs, training=training)
