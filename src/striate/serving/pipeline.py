"""Pictures of one model: read and fitted on threads, computed together with whatever waits.

No picture waits for others to come. While the engine computes, those that arrive are read; when it
is free it takes what is there, up to a batch. A picture that cannot be read fails alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.decoding.decode import decoded
from striate.data.preprocessing import with_channels
from striate.data.reduction import Reduction
from striate.errors import DataError, StriateError
from striate.inference.classifier import Classifier
from striate.serving.metrics import Counts
from striate.support.closing import Closable

if TYPE_CHECKING:
    from striate.engines.heat_maps import Maps
    from striate.engines.session import Answers, Pixels
    from striate.inference.regressor import Regressor

P = ParamSpec("P")

Picture: TypeAlias = bytes | NDArray[np.uint8]
"""The content of an image file, or uint8 (H, W, 1 or 3)."""

Outcome: TypeAlias = "Answers | StriateError | Exception"


@dataclass(eq=False)
class _Job:
    """One picture on its way, and where its answer is awaited."""

    picture: Picture
    future: asyncio.Future[Answers]
    left: Callable[[], None]
    came: float = field(default_factory=perf_counter)
    pixels: Pixels | None = None
    ready: float = 0.0

    def forget(self, future: asyncio.Future[Answers]) -> None:
        """Let go of the picture of somebody who waits no more, wherever it is."""
        if future.cancelled():
            self.picture = b""


class Pipeline(Closable):
    """From pictures to probabilities or values, for one model.

    Args:
        predictor: computes; the pipeline's own from now on.
        readers: whose threads read pictures; others may use them too.
        most_pixels: of a picture.
        counts: what is counted.
    """

    def __init__(
        self,
        predictor: Classifier | Regressor,
        readers: Executor,
        *,
        most_pixels: int,
        counts: Counts,
    ) -> None:
        self.predictor = predictor
        self.heat_maps = None
        if isinstance(predictor, Classifier) and predictor.has_heat_maps:
            self.heat_maps = predictor.heat_maps()
        self._readers, self._most_pixels, self._counts = readers, most_pixels, counts
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._open = 0
        self._closing = False
        self._engine = threading.Thread(target=self._compute, name="striate-engine", daemon=True)
        self._engine.start()

    def submit(
        self, picture: Picture, left: Callable[[], None] = lambda: None
    ) -> asyncio.Future[Answers]:
        """The answer to `picture`, float32 (K,), when it is known.

        To be called where an event loop runs, in which the future ends. Once that is cancelled,
        the picture is dropped wherever it is. It fails with a DataError if the picture cannot be
        read, with another StriateError if the network gives no numbers.

        Args:
            picture: what it is about.
            left: called in the event loop once the picture takes nothing of the service any more,
                which, if its future is cancelled, may be later.
        """
        job = _Job(picture, asyncio.get_running_loop().create_future(), left)
        job.future.add_done_callback(job.forget)
        with self._changed:
            self._open += 1
        self._readers.submit(self._read, job)
        return job.future

    def heat_map(
        self, picture: Picture, label: int, left: Callable[[], None] = lambda: None
    ) -> asyncio.Future[tuple[Maps, int, int]]:
        """The heat map of `picture` for a class, and the picture's height and width.

        Of a file that has heat maps. It fails with a DataError if the picture cannot be read.
        `left` is as for `submit`.
        """
        loop, held = asyncio.get_running_loop(), [picture]
        work = self._readers.submit(self._heat_map, held, label)
        work.add_done_callback(lambda _: _in_loop(loop, left))
        future = asyncio.wrap_future(work)
        future.add_done_callback(lambda _: held.clear())  # also where nobody waits any more
        return future

    # --- on the threads that read --------------------------------------------------------------

    def _read(self, job: _Job) -> None:
        if job.future.cancelled():
            self._settle([job], [DataError("picture", "is not wanted any more")])
            return
        begin = perf_counter()
        try:
            job.pixels = self._fitted(job.picture)
        except Exception as error:
            self._settle([job], [error])
            return
        job.picture = b""
        job.ready = perf_counter()
        self._counts.picture_read(job.ready - begin)
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def _fitted(self, picture: Picture) -> Pixels:
        """What the session takes of one picture."""
        return self._sized(picture)[0]

    def _sized(self, picture: Picture) -> tuple[Pixels, int, int]:
        """What the session takes of one picture, and the picture's height and width."""
        preprocessing, fits = self.predictor.preprocessing, self.predictor.fits
        channels = preprocessing.channels
        if not isinstance(picture, bytes):
            image = with_channels(picture, channels)
            return preprocessing.fit_image(image) if fits else image, *image.shape[:2]
        reduction = Reduction(preprocessing.reduction) if self.predictor.reduced else None
        with decoded(
            picture, "picture", channels, most_pixels=self._most_pixels, reduction=reduction
        ) as (image, _):
            height, width = image.shape[:2]
            if reduction is not None and reduction.factor > 1:
                height, width = reduction.height, reduction.width
            return preprocessing.fit_image(image, reduction) if fits else image, height, width

    def _heat_map(self, held: list[Picture], label: int) -> tuple[Maps, int, int]:
        assert self.heat_maps is not None
        pixels, height, width = self._sized(held.pop())
        return self.heat_maps.of(pixels[None], label)[0], height, width

    # --- on the engine's thread ----------------------------------------------------------------

    def _compute(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or (self._closing and not self._open))
                if not self._waiting:
                    return
            self._compute_what_waits()

    def _compute_what_waits(self) -> None:
        """Compute until nothing waits any more."""
        running: deque[tuple[list[_Job], float]] = deque()
        try:
            with closing(self.predictor.session.run(self._batches(running))) as answers:
                for part in answers:
                    rows = self.predictor.checked(part)
                    jobs, begin = running[0]
                    now = perf_counter()
                    queued = sum(begin - each.ready for each in jobs) / len(jobs)
                    self._counts.batch_computed(len(jobs), now - begin, queued)
                    self._settle(jobs, [self._sound(row) for row in rows])
                    running.popleft()  # last: what failed until here, they have to hear of
        except Exception as error:  # the engine's: whoever was in it has to hear of it
            for jobs, _ in running:
                self._settle(jobs, [error] * len(jobs))

    def _batches(self, running: deque[tuple[list[_Job], float]]) -> Generator[Pixels]:
        """Batches of what waits, of one shape each; they end when nothing waits."""
        while jobs := self._next_batch():
            running.append((jobs, perf_counter()))  # first: if memory ends, they have to hear of it
            batch = np.stack([each.pixels for each in jobs if each.pixels is not None])
            for each in jobs:
                each.pixels = None
            yield batch

    def _next_batch(self) -> list[_Job]:
        """The jobs that have waited longest and can be computed together; none if none wait."""
        jobs: list[_Job] = []
        dropped: list[_Job] = []
        with self._changed:
            while self._waiting and len(jobs) < self.predictor.batch_size:
                job = self._waiting[0]
                if job.future.cancelled():
                    dropped.append(self._waiting.popleft())
                    continue
                if jobs and _shape(job) != _shape(jobs[0]):
                    break
                jobs.append(self._waiting.popleft())
        if dropped:
            unwanted = DataError("picture", "is not wanted any more")
            self._settle(dropped, [unwanted] * len(dropped))
        return jobs

    def _sound(self, row: Answers) -> Outcome:
        if np.isfinite(row).all():
            return row
        return StriateError(
            "the network",
            "gives answers that are not finite numbers",
            "its weights have diverged: train again at a lower learning rate",
        )

    # --- on either -----------------------------------------------------------------------------

    def _settle(self, jobs: Sequence[_Job], outcomes: Sequence[Outcome]) -> None:
        """Hand `outcomes` to whoever awaits them: one call into the event loop for all."""
        pairs = list(zip(jobs, outcomes, strict=True))
        now = perf_counter()
        for job, outcome in pairs:
            kind = "answered" if isinstance(outcome, np.ndarray) else "unreadable"
            kind = "dropped" if job.future.cancelled() else kind
            self._counts.picture_done(kind, now - job.came)
        _in_loop(jobs[0].future.get_loop(), _hand_over, pairs)
        with self._changed:
            self._open -= len(jobs)
            if self._closing:
                self._changed.notify_all()

    def close(self) -> None:
        """Wait for what has been submitted to be answered, then free the engine."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._engine.join()
        self.predictor.close()
        if self.heat_maps is not None:
            self.heat_maps.close()


def _shape(job: _Job) -> tuple[int, ...]:
    return job.pixels.shape if job.pixels is not None else ()


def _in_loop(
    loop: asyncio.AbstractEventLoop, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call `function` in an event loop, from any thread."""
    with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
        loop.call_soon_threadsafe(partial(function, *args, **kwargs))


def _hand_over(pairs: Iterable[tuple[_Job, Outcome]]) -> None:
    """End the futures, in their event loop; one that is cancelled is left alone."""
    for job, outcome in pairs:
        job.left()
        if job.future.done():
            continue
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
