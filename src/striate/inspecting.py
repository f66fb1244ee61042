"""A network looked at: the work behind ``table``, ``explain`` and ``compare``."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.errors import NetworkError
from striate.support import settings
from striate.support.aside import printing_aside
from striate.support.paths import is_folder, shown
from striate.zoo.catalogue import entries

if TYPE_CHECKING:
    from torch import nn

    from striate.anatomy.compare import Comparison
    from striate.anatomy.explain import Explanation
    from striate.anatomy.graph.record import Graph
    from striate.anatomy.table import Table
    from striate.anatomy.what_if import Chain
    from striate.hub.resolve import Resolved

Size = int | tuple[int, int]

#: Rows that a terminal shows with pleasure; `sensible_depth` folds modules until no more are left.
ROWS = 60
#: A forward is measured so often, or for so long (seconds), whichever comes first; at least thrice.
FORWARDS, SECONDS = 15, 4.0


def open_network(
    network: str | Path | nn.Module,
    *,
    device: str = "meta",
    size: Size | None = None,
    allow_code: bool = False,
) -> Resolved:
    """Give the network that `network` names, or is.

    Args:
        network: a name, prefix, file or module as in `striate.hub.resolve`; a run's folder; a
            module.
        device: ``meta`` for shapes alone. ``cpu`` gives a run's trained weights, and fresh ones
            elsewhere; a module stays as it is.
        size: height and width of the image; the network's own (a run's: what it was trained on) if
            None.
        allow_code: a run may name Python code as its network. What is named here always may.

    Raises:
        NetworkError: there is nothing of that name, or it cannot be opened.
        RunError: the run's folder cannot be opened.
    """
    from torch import nn

    from striate.anatomy.graph.wrappers import unwrapped
    from striate.hub.input_shapes import input_shapes
    from striate.hub.resolve import Resolved, resolve

    if isinstance(network, nn.Module):
        name = type(network).__name__
        network = unwrapped(network, name)
        name = type(network).__name__
        shapes = input_shapes(name, network, size)
        return Resolved(name=name, network=network, inputs=shapes, source="module")
    if not isinstance(network, (str, Path)):
        raise NetworkError(
            f"network {type(network).__name__}",
            "is no network",
            "give a torch.nn.Module, a name, or the path of a file or a run",
        )
    if _names_a_run(network):
        return _open_run(Path(network), device, size, allow_code)
    with settings.seeded(0):  # what its first weights draw is no draw of the caller's
        return resolve(str(network), device=device, size=size, allow_code=True)


def _names_a_run(network: str | Path) -> bool:
    """A path is a run's, unless it is a Python file; a bare word is, where such a folder is.

    The catalogue's names come first: ``./lenet`` is the folder beside them.
    """
    if isinstance(network, Path):
        return network.suffix != ".py"
    if ":" in network or network.endswith(".py") or network in {each.name for each in entries()}:
        return False
    if "/" in network or network in {".", ".."}:
        return True
    return network != "" and is_folder(Path(network), kind=NetworkError)


def _open_run(folder: Path, device: str, size: Size | None, allow_code: bool) -> Resolved:
    from striate.hub.input_shapes import input_shapes
    from striate.hub.resolve import Resolved
    from striate.runs.networks import make_network
    from striate.runs.run import Run

    run = Run.open(folder, allow_code=allow_code)
    prepared = run.preprocessing
    shape = (prepared.channels, prepared.height, prepared.width)
    name = f"{run.config.network} of {run.path.name}"
    if device == "meta":
        made = make_network(run.config, device="meta", allow_code=allow_code)
    else:
        made = run.network().to(device)
    inputs: tuple[tuple[int, ...], ...] = (shape,)
    if size is not None:
        inputs = ((prepared.channels, *input_shapes(name, made, size)[0][1:]),)
    return Resolved(name=name, network=made, inputs=inputs, source="run")


def read_size(text: str | None) -> Size | None:
    """Height and width, as people type them: one number where they are equal.

    Raises:
        NetworkError: it is neither.

    Examples:
        >>> read_size("224"), read_size("200x320")
        (224, (200, 320))
    """
    return None if text is None else _numbers(text, "x", "--size", "224, or HEIGHTxWIDTH")


def read_position(text: str | None) -> tuple[int, int] | None:
    """A position, as people type it: row and column, counted from 0.

    Raises:
        NetworkError: it is not.

    Examples:
        >>> read_position("3,4")
        (3, 4)
    """
    if text is None:
        return None
    found = _numbers(text, ",", "--at", "ROW,COLUMN, both from 0")
    return found if isinstance(found, tuple) else (found, found)


def _numbers(text: str, between: str, option: str, wanted: str) -> Size:
    parts = text.lower().replace("×", "x").split(between)
    if len(parts) > 2 or not all(re.fullmatch(r" *[0-9]{1,6} *", part) for part in parts):
        raise NetworkError(f"{option} {text}", "is not understood", f"give {wanted}")
    values = [int(part) for part in parts]
    return values[0] if len(values) == 1 else (values[0], values[1])


def record_network(resolved: Resolved, *, inputs: Any = None, training: bool = False) -> Graph:
    """One forward of it on meta tensors, as a graph: on its own inputs, or such as `inputs`."""
    from striate.anatomy.graph.examples import record_examples, record_shapes

    with printing_aside():  # a forward may print; ours is the one document
        if inputs is None:
            return record_shapes(
                resolved.network, resolved.inputs, name=resolved.name, training=training
            )
        return record_examples(resolved.network, inputs, name=resolved.name, training=training)


def _graph(
    network: str | Path | nn.Module,
    size: Size | None,
    allow_code: bool,
    inputs: Any = None,
    training: bool = False,
) -> Graph:
    if inputs is not None and size is not None:
        raise NetworkError("size and inputs", "both say what goes in", "give one of them")
    found = open_network(network, size=size, allow_code=allow_code)
    return record_network(found, inputs=inputs, training=training)


def table(
    network: str | Path | nn.Module,
    *,
    size: Size | None = None,
    depth: int | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Table:
    """What a network is made of and costs, in rows and totals.

    `depth` groups operators by module, that many levels down; None gives every operator.
    """
    from striate.anatomy.table import table as tabulate

    if depth is not None and depth < 0:
        raise NetworkError(f"depth {depth}", "must be 0 (every operator) or more")
    return tabulate(_graph(network, size, allow_code, inputs, training), depth=depth or None)


def readable_table(
    network: str | Path | nn.Module,
    *,
    size: Size | None = None,
    training: bool = False,
    allow_code: bool = False,
) -> Table:
    """`table`, as deep as a page allows: the deepest grouping of at most 60 rows."""
    from striate.anatomy.table import table as tabulate

    graph = _graph(network, size, allow_code, training=training)
    depth = max((path.count(".") + 1 for path in graph.modules if path), default=0)
    found = tabulate(graph, depth=depth)  # what one innermost module does is one row
    while len(found.rows) > ROWS and depth > 1:
        depth -= 1
        found = tabulate(graph, depth=depth)
    return found


def explain(
    network: str | Path | nn.Module,
    layer: str,
    *,
    at: tuple[int, int] | None = None,
    size: Size | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> Explanation:
    """The arithmetic of one layer, and what the output position `at` (its centre) sees."""
    from striate.anatomy.explain import explain as elucidate

    return elucidate(_graph(network, size, allow_code, inputs, training), layer, at=at)


def explain_all(
    network: str | Path | nn.Module,
    *,
    size: Size | None = None,
    inputs: Any = None,
    training: bool = False,
    allow_code: bool = False,
) -> tuple[Explanation, ...]:
    """The arithmetic of every layer in turn, in short."""
    from striate.anatomy.explain import explain_all as elucidate

    return elucidate(_graph(network, size, allow_code, inputs, training))


def what_if(chains: Sequence[str]) -> tuple[Chain, ...]:
    """The arithmetic of layers that belong to no network; see `striate.anatomy.what_if`."""
    from striate.anatomy.what_if import chains as reckon

    return reckon(chains)


def compare(
    networks: Sequence[str | Path | nn.Module],
    *,
    size: Size | None = None,
    inputs: Any = None,
    timed: bool = False,
    allow_code: bool = False,
) -> Comparison:
    """Networks side by side; `timed` runs each with fresh weights (a run: its own) on one image."""
    from striate.anatomy.compare import Comparison, member
    from striate.zoo.published import comparable

    if not networks:
        raise NetworkError("compare", "needs a network", "striate compare vgg16 resnet50")
    members = []
    for each in networks:
        graph = _graph(each, size, allow_code, inputs)
        found = member(graph)
        if timed:
            spent = _forward_time(each, size, allow_code, graph, inputs)
            found = replace(found, milliseconds=spent)
        members.append(found)
    data, measure, figures = comparable(tuple(one.name for one in members))
    return Comparison(
        members=tuple(
            replace(one, error=getattr(figures[one.name], measure), figure=figures[one.name])
            if one.name in figures
            else one
            for one in members
        ),
        data=data,
        measure=measure,
    )


def _forward_time(
    network: str | Path | nn.Module,
    size: Size | None,
    allow_code: bool,
    graph: Graph,
    inputs: Any,
) -> float:
    """Median milliseconds of a forward of one image on the CPU, after two that warm up."""
    import torch

    from striate.anatomy.graph.examples import as_arguments
    from striate.anatomy.graph.shadow import shadow, shared

    found = open_network(network, device="cpu", size=size, allow_code=allow_code)
    generator = torch.Generator().manual_seed(0)
    args, named = as_arguments(inputs)
    if inputs is None:
        shapes = zip(graph.inputs, graph.dtypes, strict=True)
        args = tuple(torch.rand(1, *s, generator=generator).to(kind) for s, kind in shapes)
        named = {}
    timed = shadow(found.network, shared, training=False)
    times: list[float] = []
    with torch.inference_mode(), printing_aside():
        for _ in range(2):
            timed(*args, **named)
        while len(times) < 3 or (len(times) < FORWARDS and sum(times) < SECONDS):
            began = time.perf_counter()
            timed(*args, **named)
            times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def check_picture(path: Path) -> None:
    """Refuse a picture that cannot be written, before any work.

    Raises:
        NetworkError: it is no SVG file, or its folder does not exist.
    """
    if path.suffix.lower() != ".svg":
        raise NetworkError(shown(path), "pictures are SVG files", f"give {path.stem}.svg")
    writable(path)


def write_picture(found: Comparison, path: Path) -> None:
    """Draw published accuracy against MACs into the SVG file at `path`."""
    from striate.anatomy.show.chart import draw

    check_picture(path)
    known = {each.name: each.family for each in entries()}
    families = [known.get(one.name, one.name).partition("_")[0] for one in found.members]
    write_text(path, draw(found, families))


def write_text(path: Path, text: str) -> Path:
    """Write `text` to `path`, whole or not at all; returns the path resolved.

    Raises:
        NetworkError: nothing can be written there.
    """
    from striate.support.files import WriteError, write_atomically

    target = writable(path)
    try:
        # Names of files may hold bytes that are no UTF-8; no reader could show those either.
        write_atomically(target, text.encode(errors="replace"))
    except WriteError as error:
        raise NetworkError(error.what, error.why, "choose another file") from error
    return target


def writable(path: Path) -> Path:
    """`path` resolved: a file that can be written.

    Raises:
        NetworkError: it is a folder or something else than a file, or its folder is missing or
            cannot be written.
    """
    from striate.support.files import output_file

    return output_file(path, kind=NetworkError)
