"""The images that a run was made with: where they are, which they are, and what was trained on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from striate.data.labelled import Training
from striate.data.scan import threads
from striate.data.sources import open_data
from striate.errors import DataError, RunError
from striate.runs.images import images_of
from striate.runs.targets import answers_of
from striate.support.folders import cache_at
from striate.support.paths import shown
from striate.support.progress import counting
from striate.support.text import printable
from striate.support.words import plain_percent

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.runs.run import Run


def origin_of(run: Run) -> str:
    """Where the images are that `run` was made with.

    Raises:
        RunError: it was made of published weights, without any images.
    """
    if not run.config.data.origin:
        raise RunError(shown(run.path), "has no images of its own", "give images to measure on")
    return run.config.data.origin


def training_of(run: Run) -> Training | None:
    """What is known of the images that `run` was trained on; None for published weights.

    Raises:
        RunError: the run's list of them is damaged.
    """
    origin = run.config.data
    if not (origin.origin or origin.fingerprint):
        return None
    return Training(
        manifest=images_of(run),
        fingerprint=origin.fingerprint,
        seed=run.config.seed,
        val_fraction=origin.val_fraction,
        held_out=origin.held_out,
        answers=answers_of(run.config),
    )


def own_data(
    run: Run,
    *,
    skip_bad: bool = False,
    recheck: bool = False,
    workers: int | None,
    progress: bool = False,
) -> Data:
    """The images that `run` was made with, whatever they are called now; none of them is decoded.

    A file with the content of one of them is one of them, and was found whole then. Files that
    cannot be used are left out (`skip_bad`) where the run was made without such files, and where
    its own list tells that they are none of its images.

    Raises:
        DataError: they are no longer where they were, or cannot be read.
        RunError: some of them are gone.
    """
    origin, manifest = run.config.data, images_of(run)
    origin_of(run)
    try:
        with counting("checking images", wanted=progress) as count:
            data = open_data(
                origin.origin,
                seed=run.config.seed,
                val_fraction=origin.val_fraction,
                skip_bad=skip_bad or origin.skipped > 0,
                workers=max(threads(workers), 1),
                cache=cache_at(None),
                recheck=recheck,
                pixels=False,
                manifest=manifest,
                fingerprint=origin.fingerprint,
                answers=answers_of(run.config),
                progress=count,
            )
        if not data.is_of(origin.fingerprint):
            raise RunError(printable(data.origin), "holds other images than it was made with")
    except (DataError, RunError) as error:
        raise (RunError if isinstance(error, RunError) else DataError)(
            shown(run.path),
            f"cannot be measured on its own images: {error.what}: {error.why}{_last_time(run)}",
            "give the place where they are now, or other images, to measure on",
        ) from error
    return data


def _last_time(run: Run) -> str:
    """What was found when the run was last measured on its own images."""
    with suppress(RunError, LookupError, TypeError, ValueError):
        known = run.evaluation
        if known is not None:
            top1, images = float(known["top1"]), int(known["images"])
            return f" (last time, top-1 was {plain_percent(top1, 2)} of {images:,} images)"
    return ""
