"""Training that starts from published weights instead of random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.errors import RunError, WeightsError
from striate.runs.config import RunConfig, WeightsOrigin
from striate.runs.run import Run
from striate.support.paths import resolved
from striate.training.options import Place
from striate.training.progress import Silent
from striate.zoo.weights import SOURCES, Found, Published, find, give


def resolved_source(weights: str) -> str:
    """A library's name, or the resolved path of a file: what can be found again from anywhere."""
    return weights if weights in SOURCES else str(resolved(weights, kind=WeightsError))


def find_weights(weights: str, name: str, place: Place, variant: Mapping[str, Any]) -> Found:
    """Read the published weights of the catalogue's network called `name`, with its choices.

    Raises
    ------
    WeightsError: see `striate.zoo.weights.find`.
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

    Raises
    ------
    WeightsError: they are those of another network.
    """
    published = give(found, network, classes)
    if place.group.leads:
        watcher = place.watcher or Silent()
        watcher.note(": ".join(part for part in (published.name, published.note) if part))
    return published


def preprocessing_from(published: Published, size: int | None) -> Preprocessing | None:
    """The pre-processing that the weights were trained for, at `size` pixels if that is given.

    None where nobody knows it.
    """
    if published.preprocessing is None:
        return None
    own = Preprocessing.from_dict(published.preprocessing)
    if size is None:
        return own
    return replace(own, resize=round(own.resize * size / own.height), height=size, width=size)


def record(published: Published, weights: str) -> WeightsOrigin:
    """What ``run.toml`` says about the weights that a run started from."""
    return WeightsOrigin(
        source=resolved_source(weights),
        name=published.name,
        digest=published.digest,
        note=published.note,
    )


def start_again(run: Run, network: nn.Module, place: Place) -> None:
    """Give `network` the weights that `run` started from, which was killed before it kept any.

    Raises
    ------
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
