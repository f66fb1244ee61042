"""``costs.json``: parameters and multiply-accumulates of a run's network, counted once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from striate.errors import RunError, StriateError
from striate.runs.config import RunConfig
from striate.runs.layout import COSTS
from striate.runs.records import read_json
from striate.support.files import write_atomically
from striate.support.paths import shown
from striate.support.tables import Bounds, from_table
from striate.zoo.catalogue import entries

if TYPE_CHECKING:
    from striate.runs.run import Run

_COUNT = Bounds(0, 10**18)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a network costs: all its parameters, and the MACs for one image at prediction."""

    parameters: Annotated[int, _COUNT]
    macs: Annotated[int, _COUNT]


def keep_costs(run: Run) -> None:
    """Count the network of `run` and write that down in its folder, which the caller holds.

    A network that cannot be recorded has no ``costs.json``; nothing else of the run needs it.

    Raises:
        WriteError: the file cannot be written.
    """
    from striate.anatomy.costs.counting import count_macs
    from striate.runs.networks import make_network

    try:
        network = make_network(run.config, "meta", run.own_code).eval()
        macs = count_macs(network, run.preprocessing.input_size)
    except StriateError:
        return
    parameters = sum(each.numel() for each in network.parameters())
    write_costs(run.path, Costs(parameters=parameters, macs=macs))


def write_costs(folder: Path, costs: Costs) -> None:
    """Write `costs` into the `folder` of a run.

    Raises:
        WriteError: the file cannot be written.
    """
    write_atomically(folder / COSTS, json.dumps(asdict(costs)).encode())


def costs_of(folder: Path, config: RunConfig) -> Costs | None:
    """What the network of the run in `folder` costs; None where nobody has counted.

    Of a run from before this was kept it is what the catalogue has, if that is of such a network.

    Raises:
        RunError: what is kept is damaged.
    """
    found = read_json(folder / COSTS)
    if found is None:
        return _known(config)
    try:
        return from_table(Costs, found, "it", kind=RunError)
    except RunError as error:
        remedy = f"make it anew: striate evaluate {shown(folder)}"
        raise RunError(shown(folder / COSTS), f"is damaged ({error})", remedy) from error


def _known(config: RunConfig) -> Costs | None:
    for each in entries():
        if each.name == config.network and config.transfer is None and not config.variant:
            same = each.input == config.preprocessing.input_size
            if same and each.classes == len(config.classes):
                return Costs(parameters=each.parameters, macs=each.macs)
    return None
