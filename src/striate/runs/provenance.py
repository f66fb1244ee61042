"""What a new run writes down about its images, its weights and its circumstances."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from striate.data.sources import Data
from striate.errors import WeightsError
from striate.hub.libraries import LIBRARIES
from striate.hub.weights import Published
from striate.runs.origins import DataOrigin, Provenance, WeightsOrigin
from striate.support.paths import resolved
from striate.support.process import command_line


def data_origin(data: Data, val_fraction: float, label: str | None = None) -> DataOrigin:
    """Which images `data` holds, as a run writes it down.

    `label` is the column of a table that names their classes, where somebody said which.
    """
    return DataOrigin(
        origin=data.origin,
        fingerprint=data.fingerprint,
        val_fraction=val_fraction,
        train_images=len(data.train),
        val_images=len(data.val),
        test_images=0 if data.test is None else len(data.test),
        held_out=data.held_out_name,
        skipped=len(data.skipped),
        label=label or "",
    )


def provenance(*, workers: int, minutes: float | None = None) -> Provenance:
    """What a run that is begun now, by this command, is made with.

    Args:
        workers: threads that read its images.
        minutes: that it is to take; None where that is not what decides its length.
    """
    return Provenance(
        workers=workers,
        minutes=minutes,
        command=command_line(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """What the run is made with, for ``run.toml``."""
    packages = ("striate", "torch", "torchvision", "numpy", "pillow", "simplejpeg")
    found = {package: version(package) for package in packages}
    if "timm" in sys.modules:  # whose networks may be other ones in other versions
        found["timm"] = version("timm")
    return {"python": platform.python_version(), **found, "machine": platform.platform()}


def resolved_source(weights: str) -> str:
    """A library's name, or the resolved path of a file: what can be found again from anywhere."""
    return weights if weights in LIBRARIES else str(resolved(weights, kind=WeightsError))


def weights_origin(published: Published, weights: str) -> WeightsOrigin:
    """What ``run.toml`` says about the weights that a run started from."""
    return WeightsOrigin(
        source=resolved_source(weights),
        name=published.name,
        digest=published.digest,
        note=published.note,
    )
