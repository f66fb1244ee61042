"""A run in a line: what is known of it without its images, its weights and PyTorch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

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
        classes: how many.
        top1: share of the held-out images that it gets right; None until it is measured.
        interval: 95 % interval of `top1`.
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
    top1: float | None
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
        return {**asdict(self), "path": str(self.path), "interval": interval}


def listed(folder: Path, name: str) -> ListedRun:
    """The run in `folder`, a resolved path, that is to be called `name`.

    Raises:
        RunError: one of its files is damaged.
    """
    config = RunConfig.read(folder / CONFIG)
    top1, interval, images = figures_of(folder)
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
        top1=top1,
        interval=interval,
        images=images,
        parameters=None if costs is None else costs.parameters,
        macs=None if costs is None else costs.macs,
        seconds=sum(float(line["seconds"]) for line in timing) if timing else None,
        epochs_done=max((int(line["epoch"]) for line in timing), default=0),
        epochs=config.epochs,
        started=config.provenance.started,
    )


def figures_of(
    folder: Path,
) -> tuple[float | None, tuple[float, float] | None, int | None]:
    """Top-1, its interval and the number of images of the run's evaluation, if there was one.

    Raises:
        RunError: ``evaluation.json`` is damaged.
    """
    found = read_json(folder / EVALUATION)
    if found is None:
        return None, None, None
    try:
        top1, (low, high) = _share(found["top1"]), map(_share, found["interval"])
        images = int(found["images"])
    except (LookupError, TypeError, ValueError) as error:
        remedy = f"make it anew: striate evaluate {shown(folder)}"
        where = shown(folder / EVALUATION)
        raise RunError(where, "is damaged (its figures are not what they should be)", remedy) from (
            error
        )
    return top1, (low, high), images


def _share(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise ValueError(value)
    return number
