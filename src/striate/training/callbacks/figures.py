"""The figures of an epoch, or the settings of a run, by names that trackers take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.runs import layout as names
from striate.runs.config import RunConfig
from striate.training.callbacks.base import EpochEnd

#: What of ``run.toml`` is no setting, or too long to be read beside others.
_LEFT_OUT = ("classes", "targets", "format")


def figures_of(epoch: EpochEnd, *, health: bool = True) -> dict[str, float]:
    """The numbers of an epoch, such as ``train/loss`` and ``validation/top1``.

    Args:
        epoch: of any training.
        health: whether the sizes of gradients and activations are wanted, two for each layer.
    """
    train, found = epoch.train, epoch.validation
    means = {key: value for key, value in vars(train).items() if key != "auxiliary"}
    figures = {f"train/{name}": value for name, value in means.items()}
    for number, loss in enumerate(train.auxiliary, start=1):
        figures[f"train/auxiliary{number}"] = loss
    known = {name: value for name, value in vars(found).items() if value is not None}
    figures |= {f"validation/{name}": value for name, value in known.items()}
    for layer, sizes in epoch.health.items() if health else ():
        figures[f"gradient/{layer}"] = sizes["gradient"]
        figures[f"activation/{layer}"] = sizes["activation"]
    figures["learning_rate"] = epoch.learning_rate
    figures["images_per_second"] = epoch.images_per_second
    return figures


def settings_of_run(run: Path) -> dict[str, str | int | float | bool]:
    """What was decided about the run in the folder `run`, such as ``recipe.optimiser.rate``."""
    config = RunConfig.read(run / names.CONFIG)
    found = {key: value for key, value in config.to_dict().items() if key not in _LEFT_OUT}
    return {**_flat(found), "outputs": len(config.outputs)}


def _flat(table: Mapping[str, Any], within: str = "") -> dict[str, str | int | float | bool]:
    flat: dict[str, str | int | float | bool] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{within}{key}.")
        else:
            plain = isinstance(value, (str, int, float, bool))
            flat[f"{within}{key}"] = value if plain else str(value)
    return flat
