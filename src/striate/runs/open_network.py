"""From whatever a person names to a network: a name, a prefix, a file, a module, or a run."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from striate.anatomy.graph.wrappers import unwrapped
from striate.errors import NetworkError
from striate.hub.input_shapes import Size, input_shapes
from striate.hub.names import parse
from striate.hub.resolve import Resolved, resolve
from striate.runs.networks import make_network
from striate.runs.run import Run
from striate.support import settings
from striate.support.paths import is_folder
from striate.zoo.catalogue import entries


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
        size: height and width of the image; the network's default (a run's: what it was trained
            on) if None.
        allow_code: a run may name Python code as its network. What is named here always may.

    Raises:
        NetworkError: there is no network of that name, or it cannot be made.
        RunError: there is no such run, or it cannot be opened.
    """
    if isinstance(network, nn.Module):
        network = unwrapped(network, type(network).__name__)
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
    with settings.seeded(0):  # its first weights are drawn apart from the caller's random numbers
        return resolve(str(network), device=device, size=size, allow_code=True)


def _names_a_run(network: str | Path) -> bool:
    """A path is a run's, unless it is a Python file; a bare word is, where such a folder is.

    Names of networks come first: ``./lenet`` is the folder beside them.
    """
    if isinstance(network, Path):
        return network.suffix != ".py"
    if parse(network).source != "catalogue" or network in {each.name for each in entries()}:
        return False
    if "/" in network or network in {".", ".."}:
        return True
    return network != "" and is_folder(Path(network), kind=NetworkError)


def _open_run(folder: Path, device: str, size: Size | None, allow_code: bool) -> Resolved:
    run = Run.open(folder, allow_code=allow_code)
    channels, *_ = shape = run.preprocessing.input_size
    name = f"{run.config.network} of {run.path.name}"
    if run.has_members:
        made: nn.Module = run.network().to(device)
    elif device == "meta":
        made = make_network(run.config, "meta", run.own_code)
    else:
        made = run.network().to(device)
    inputs: tuple[tuple[int, ...], ...] = (shape,)
    if size is not None:
        inputs = ((channels, *input_shapes(name, made, size)[0][1:]),)
    return Resolved(name=name, network=made, inputs=inputs, source="run")
