"""A run in a line: what is known of it without its images, its weights and PyTorch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from striate.errors import RunError
from striate.runs.config import RunConfig
from striate.runs.costs import costs_of
from striate.runs.layout import CONFIG, EVALUATION, TIMING
from striate.runs.records import EpochTiming, read_json, read_jsonl
from striate.support.paths import shown


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run in a line. What is not known is None.

    Attributes:
        path: the resolved folder.
        name: its path within the folder that was listed.
        network: its network.
        data: the last part of where its images were; empty for weights as they were found.
        origin: where its images were.
        classes: how many; 0 of a run of numbers.
        targets: of a run of numbers, their names.
        top1: share of the held-out images that it gets right; None until it is measured.
        mae: of a run of numbers, the mean absolute error on the held-out images: of one target in
            its unit, of several the mean of each in deviations.
        interval: 95 % interval of `top1`, or of the `mae` of one target.
        images: how many it was measured on.
        parameters: of its network.
        macs: multiply-accumulates of its network for one image.
        seconds: that its epochs took together.
        epochs_done: how many there were.
        epochs: how many its recipe asks for; 0 where nothing is trained step by step.
        started: date and time (ISO 8601, UTC); empty for runs from before it was kept.
    """

    path: Path
    name: str
    network: str
    data: str
    origin: str
    classes: int
    targets: tuple[str, ...]
    top1: float | None
    mae: float | None
    interval: tuple[float, float] | None
    images: int | None
    parameters: int | None
    macs: int | None
    seconds: float | None
    epochs_done: int
    epochs: int
    started: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        interval = None if self.interval is None else list(self.interval)
        plain = {"path": str(self.path), "interval": interval, "targets": list(self.targets)}
        return {**asdict(self), **plain}


def listed(folder: Path, name: str) -> ListedRun:
    """The run in `folder`, a resolved path, that is to be called `name`.

    Raises:
        RunError: one of its files is damaged.
    """
    config = RunConfig.read(folder / CONFIG)
    figures = figures_of(folder)
    timing = read_jsonl(folder / TIMING, EpochTiming)
    costs = costs_of(folder, config)
    origin = config.data.origin
    return ListedRun(
        path=folder,
        name=name,
        network=config.network,
        data=PurePath(origin).name or origin,
        origin=origin,
        classes=len(config.classes),
        targets=tuple(each.name for each in config.targets),
        top1=figures.top1,
        mae=figures.mae,
        interval=figures.interval,
        images=figures.images,
        parameters=None if costs is None else costs.parameters,
        macs=None if costs is None else costs.macs,
        seconds=sum(float(line["seconds"]) for line in timing) if timing else None,
        epochs_done=max((int(line["epoch"]) for line in timing), default=0),
        epochs=config.epochs,
        started=config.provenance.started,
    )


class Measured(NamedTuple):
    """What a run's last evaluation came to, as `ListedRun` has it."""

    top1: float | None = None
    mae: float | None = None
    interval: tuple[float, float] | None = None
    images: int | None = None


def figures_of(folder: Path) -> Measured:
    """What the run's evaluation came to, if there was one.

    Raises:
        RunError: ``evaluation.json`` is damaged.
    """
    found = read_json(folder / EVALUATION)
    if found is None:
        return Measured()
    try:
        images = int(found["images"])
        if "per_target" in found:
            return Measured(
                mae=_error(found["mae"]), interval=_of_one(found["per_target"]), images=images
            )
        low, high = map(_share, found["interval"])
        return Measured(top1=_share(found["top1"]), interval=(low, high), images=images)
    except (LookupError, TypeError, ValueError) as error:
        remedy = f"make it anew: striate evaluate {shown(folder)}"
        where = shown(folder / EVALUATION)
        raise RunError(where, "is damaged (its figures are not what they should be)", remedy) from (
            error
        )


def _of_one(targets: Any) -> tuple[float, float] | None:
    """The interval of the mean absolute error, where there is one target."""
    if len(targets) != 1 or None in targets[0]["mae"]["interval"]:
        return None
    low, high = map(_error, targets[0]["mae"]["interval"])
    return low, high


def _error(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(value)
    return number


def _share(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise ValueError(value)
    return number
