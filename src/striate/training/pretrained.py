"""Training that starts from published weights instead of random ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from striate.errors import RunError
from striate.hub.found import Found
from striate.hub.weights import Published, find, give
from striate.runs.config import RunConfig
from striate.runs.run import Run
from striate.training.place import Place
from striate.training.progress import Silent


def find_weights(weights: str, name: str, place: Place, variant: Mapping[str, Any]) -> Found:
    """Read the published weights of the catalogue's network called `name`, with its choices.

    Raises:
        WeightsError: see `striate.hub.weights.find`.
    """
    # What has to be downloaded is fetched by one process; the others find it there.
    if not place.group.leads:
        place.group.wait()
    found = find(name, weights, **variant)
    if place.group.leads:
        place.group.wait()
    return found


def start_from(found: Found, network: nn.Module, *, classes: int, place: Place) -> Published:
    """Give `network` the weights that were found, and tell what was kept.

    Raises:
        WeightsError: they are those of another network.
    """
    published = give(found, network, classes)
    if place.group.leads:
        watcher = place.watcher or Silent()
        watcher.note(": ".join(part for part in (published.name, published.note) if part))
    return published


def start_again(run: Run, network: nn.Module, place: Place) -> None:
    """Give `network` the weights that `run` started from, which was killed before it kept any.

    Raises:
        WeightsError: they cannot be had any more.
        RunError: they are not what they were.
    """
    config: RunConfig = run.config
    if config.weights is None:
        return
    found = find_weights(config.weights.source, config.network, place, config.variant)
    published = start_from(found, network, classes=len(config.classes), place=place)
    if published.digest != config.weights.digest:
        raise RunError(
            str(run.path),
            f"started from other weights than those now in {published.name}",
            "restore them, or train anew",
        )
