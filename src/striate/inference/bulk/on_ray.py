"""Shards computed by Ray Data: on one machine, or on all machines of a cluster.

What goes through Ray is the numbers of shards, and never a path or a picture: every worker reads
the listing and the images, and writes its shards' files, in folders that all machines see. A worker
that dies costs the shard that it was at, which Ray gives to another. Ray's own checkpoints are not
used: they follow blocks of rows, which are other ones after a restart.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from striate.errors import StriateError, parameter
from striate.inference.bulk.folder import Job
from striate.inference.bulk.rows import BulkPredictor
from striate.inference.bulk.shards import Counts, Shards
from striate.support import settings
from striate.support.packages import need
from striate.support.processors import processor_threads
from striate.support.progress import Progress
from striate.support.signals import heard

_THREADS = "OMP_NUM_THREADS"
_ADDRESS = "RAY_ADDRESS"
#: A Ray of our own reports nothing, and takes orders from this process alone; as it comes, it would
#: write the token for that into the home folder.
_OWN = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}


class _Worker:
    """An engine of its own, on whatever machine Ray puts it."""

    def __init__(
        self, open_predictor: Callable[[], BulkPredictor], folder: Path, job: Job, workers: int
    ) -> None:
        self._given = open_predictor, folder, job, workers

    @cached_property
    def _shards(self) -> Shards:
        open_predictor, folder, job, workers = self._given
        return Shards(folder, job, open_predictor(), workers)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Compute a shard; an error comes back as what a person reads of it."""
        shard = int(row["shard"])
        try:
            found = self._shards.compute(shard)
        except StriateError as error:
            said = {"what": error.what, "why": error.why, "remedy": error.remedy}
            return {"shard": shard, "images": 0, "unreadable": 0, **said}
        said = {"what": "", "why": "", "remedy": ""}
        return {"shard": shard, "images": found.images, "unreadable": found.unreadable, **said}


def compute(
    open_predictor: Callable[[], BulkPredictor],
    folder: Path,
    job: Job,
    wanted: Sequence[int],
    *,
    workers: int,
    on_device: bool,
    progress: Progress | None,
) -> Generator[Counts]:
    """Compute the `wanted` shards of a job, one engine for each host or device.

    An engine has as many processors as ``OMP_NUM_THREADS`` says, else all of the machine on which
    this is called, or of the smallest of the cluster if that has fewer.

    Args:
        open_predictor: opens what computes, on any machine.
        folder: the job's.
        job: what it was begun with.
        wanted: the shards' numbers.
        workers: threads that read images for an engine.
        on_device: whether an engine needs a device, of which it then gets one.
        progress: called with images done, of all that are wanted.

    Yields:
        What is in each shard, in whatever order they are done.

    Raises:
        StriateError: what a worker raised; Ray is missing or cannot be started.
    """
    ray = need("ray", purpose="compute on a cluster", extra="ray")
    data = need("ray.data", purpose="compute on a cluster", extra="ray")
    with _ray(ray):
        data.DataContext.get_current().enable_progress_bars = False
        processors = _processors(ray)
        engines = sum(int(each // processors) for each in _machines(ray)) or 1
        numbers = data.from_items(
            [{"shard": shard} for shard in wanted], override_num_blocks=len(wanted)
        )
        found = numbers.map(
            _Worker,
            fn_constructor_args=(open_predictor, folder, job, workers),
            compute=data.ActorPoolStrategy(size=min(engines, len(wanted))),
            num_cpus=processors,
            num_gpus=1 if on_device else None,
            runtime_env={"env_vars": {_THREADS: str(processors)}},
        )
        total, done = sum(map(job.size, wanted)), 0
        for row in found.iter_rows():
            if row["why"]:
                raise StriateError(row["what"], row["why"], row["remedy"])
            done += row["images"]
            if progress is not None:
                progress(done, total)
            yield Counts(images=row["images"], unreadable=row["unreadable"])


def _machines(ray: Any) -> list[float]:
    """The processors of every machine that is there and has any."""
    found = [each["Resources"].get("CPU", 0.0) for each in ray.nodes() if each["Alive"]]
    return [each for each in found if each >= 1]


def _processors(ray: Any) -> int:
    """How many processors an engine gets."""
    return min(processor_threads(1), int(min(_machines(ray), default=1)))


@contextmanager
def _ray(ray: Any) -> Iterator[None]:
    """Ray for the time of a block: that of ``RAY_ADDRESS`` or of the caller, or one of our own.

    Raises:
        StriateError: it cannot be started or reached.
    """
    if ray.is_initialized():
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(settings.environment(_OWN if _ADDRESS not in os.environ else {}))
        stack.enter_context(_without_its_log())
        stack.enter_context(heard())  # which puts back what Ray makes of signals
        try:
            ray.init(
                address=os.environ.get(_ADDRESS, "local"),
                include_dashboard=None if _ADDRESS in os.environ else False,
                logging_level="error",
                log_to_driver=False,
            )
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            why = f"cannot be started or reached ({' '.join(str(error).split())[:200]})"
            raise StriateError("Ray", why, f"take {parameter('engine', 'local')}") from error
        stack.callback(ray.shutdown)
        stack.enter_context(heard())
        yield


@contextmanager
def _without_its_log() -> Iterator[None]:
    """Keep Ray Data from telling what it does; errors are raised."""
    log = logging.getLogger("ray.data")
    before, log.level = log.level, logging.CRITICAL
    try:
        yield
    finally:
        log.level = before
