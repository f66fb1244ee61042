"""Networks: the list of them, making one, and looking at any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from striate.anatomy.options import CompareOptions, ExplainOptions, TableOptions, ViewOptions
from striate.errors import NetworkError, parameter
from striate.runs.options import CreateRunOptions
from striate.support.options import takes
from striate.zoo.options import ListNetworksOptions

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


@takes(ListNetworksOptions)
def list_networks(options: ListNetworksOptions) -> tuple[Entry, ...]:
    """The networks: name, family, title, paper, year, input (C, H, W), parameters, MACs.

    Read from a data file that the tests keep true, so that it needs no torch.

    Raises:
        StriateError: a pattern takes none of them, or there is no such order.

    Examples:
        >>> [each.name for each in list_networks("vgg1?", sort="-macs")]
        ['vgg19', 'vgg16', 'vgg13', 'vgg11']
    """
    from striate.hub.listing import chosen
    from striate.zoo.catalogue import entries

    return chosen(entries(), options)


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
            ones if None. With another number of classes all but the classifier is taken. Of a
            detector, a file that `detect` takes, whose classes and channels are kept.
        **variant: the network's named variants, such as ``auxiliary=True`` for ``googlenet_bn``.

    Returns:
        A module whose ``forward`` takes (N, C, H, W) and returns logits (N, classes); networks with
        auxiliary heads return ``TrainingOutput(logits, auxiliary)`` in training mode. ``features``
        gives the last feature map and ``embed`` the vector that the classifier sees. A detector
        gives the maps of its heads, in a tuple.
    """
    if weights is not None:
        from striate.hub.weights import create_from
        from striate.runs.starting_weights import find_weights
        from striate.zoo.catalogue import entry

        if entry(name).task == "detection":
            from striate.detection.weights.opening import detector_with

            return detector_with(name, weights, classes, in_channels, variant)
        found = find_weights(entry(name).name, weights, **variant)
        return create_from(found, name, classes=classes, in_channels=in_channels, **variant)[0]
    from striate.zoo.create import create as make

    return make(name, classes=classes, in_channels=in_channels, **variant)


@takes(CreateRunOptions)
def create_run(options: CreateRunOptions) -> Run:
    """A run of a network as it is, without training, so that every command works on it.

    Raises:
        StriateError: the weights cannot be had, are damaged or those of another network.
    """
    from striate.runs.create import create_run as create

    return create(
        options.network,
        options.out,
        weights=options.weights,
        classes=options.classes,
        seed=options.seed,
        variant=options.variant,
    )


@takes(TableOptions)
def table(options: TableOptions) -> Table:
    """What a network is made of and costs: rows of layers, and totals.

    Returns:
        ``rows`` and ``totals``: sizes (C, H, W), parameters, multiply-accumulates, bytes, receptive
        fields and jumps (height, width). ``to_json()`` gives them as plain values.
    """
    from striate.anatomy.table import table as tabulate

    return tabulate(_graph(options.network, options), depth=options.depth)


# What is returned depends on an option, which no dataclass can say.
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


@takes(ExplainOptions)
def explain(options: ExplainOptions) -> Explanation | tuple[Explanation, ...]:
    """The arithmetic of one layer with its numbers filled in, or of all in turn."""
    from striate.anatomy import explain as explaining

    graph = _graph(options.network, options)
    if options.layer is None:
        return explaining.explain_all(graph)
    return explaining.explain(graph, options.layer, at=options.at)


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


@takes(CompareOptions)
def compare(options: CompareOptions) -> Comparison:
    """Networks side by side: parameters, MACs, memory, depth, receptive field, published error."""
    from striate.anatomy.compare import compare as beside
    from striate.anatomy.timing import forward_time
    from striate.hub.figures import figures
    from striate.runs.open_network import open_network

    graphs, times = [], []
    for network in options.networks:
        graph = _graph(network, options)
        graphs.append(graph)
        if options.timed:
            found = open_network(
                network, device="cpu", size=options.size, allow_code=options.allow_code
            )
            times.append(forward_time(found.network, graph, inputs=options.inputs))
    published = {graph.network: figures(graph.network) for graph in graphs}
    return beside(graphs, published, times if options.timed else None)


@takes(ViewOptions)
def view(options: ViewOptions) -> Path:
    """Write one HTML file in which a network can be explored; returns its path."""
    from striate.report.network_page import write_network_page

    return write_network_page(
        options.network,
        None if options.output is None else Path(options.output),
        image=None if options.image is None else Path(options.image),
        against=options.against,
        size=options.size,
        inputs=options.inputs,
        training=options.training,
        allow_code=options.allow_code,
    )


def _graph(
    network: str | Path | nn.Module,
    options: TableOptions | ExplainOptions | CompareOptions,
) -> Graph:
    """One forward of what `network` names, recorded."""
    from striate.runs.open_network import open_network

    if options.inputs is not None and options.size is not None:
        both = f"{parameter('size')} and {parameter('inputs')}"
        raise NetworkError(both, "both give the inputs", "give one of them")
    found = open_network(network, size=options.size, allow_code=options.allow_code)
    training = not isinstance(options, CompareOptions) and options.training
    return found.record(inputs=options.inputs, training=training)
