"""Images in, an answer for each out: what every trained network does, whatever it answers.

A classifier answers with probabilities; what else a network can be trained for, and what puts
several views of an image or several networks together, differs in the answer alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from striate.data.finding.inputs import Item, items
from striate.data.images import ImageSet
from striate.data.scan import threads
from striate.errors import DataError, RunError, StriateError, parameter
from striate.inference.reading import CHUNK, batches_of, evaluated, grouped, named
from striate.inference.views.filling import Batch, Part, averaged
from striate.inference.views.views import PLAIN, Views
from striate.support.closing import Closable
from striate.support.prefetch import prefetch

if TYPE_CHECKING:
    from striate.data.finding.inputs import Source
    from striate.data.preprocessing import Preprocessing
    from striate.engines.session import Answers, Pixels, Session
    from striate.support.progress import Progress

Answer = TypeVar("Answer")
Key = TypeVar("Key")
Told = TypeVar("Told")


class Predictor(Closable, ABC, Generic[Answer]):
    """A session and the pre-processing of its network.

    Args:
        session: computes.
        preprocessing: what becomes of an image before the network sees it.
        fits: whether images are brought to the network's size here; False for a file that does so
            within.
        views: of each image, of whose numbers the mean is taken.
        reduced: whether large JPEG files are reduced while they are decoded.

    Attributes:
        session: what computes.
        preprocessing: what becomes of an image before the network sees it.
        fits: whether images are brought to the network's size before the session has them.
        views: of each image.
        reduced: whether large JPEG files are reduced while they are decoded.

    Raises:
        StriateError: images for this network have no such `views`, or cannot be reduced for it.
    """

    def __init__(
        self,
        session: Session,
        preprocessing: Preprocessing,
        *,
        fits: bool = True,
        views: Views = PLAIN,
        reduced: bool = False,
    ) -> None:
        views.check(preprocessing)
        if reduced and not (fits and views.is_plain):
            raise StriateError(
                parameter("reduced_decoding", True),
                "is for one view of each picture, of files whose pre-processing can be cut off",
                "leave it out",
            )
        if not (fits or views.is_plain):
            raise StriateError(
                parameter("crops", views.crops),
                "is for files whose pre-processing can be cut off, and this one is of before that",
                "give the run itself, or export it again",
            )
        self.session = session
        self.preprocessing = preprocessing
        self.fits = fits
        self.views = views
        self.reduced = reduced

    @property
    def input(self) -> tuple[int, int, int]:
        """(channels, height, width) of what the network sees."""
        return self.preprocessing.input_size

    @property
    def fitting(self) -> Preprocessing | None:
        """What fits an image before the session has it; None where the session does so.

        None, too, where images are not computed as they were validated: in one view, decoded
        whole.
        """
        return self.preprocessing if self.fits and self.sees_once and not self.reduced else None

    @property
    def sees_once(self) -> bool:
        """Whether a session computes one view of each image, that of validation."""
        return self.views.is_plain

    @property
    def channels(self) -> int:
        """Of the images as they are read."""
        return self.preprocessing.channels

    @property
    def batch_size(self) -> int:
        """The most images that it computes together."""
        return self.session.batch_size

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers there are for an image, K."""

    @abstractmethod
    def answer(self, name: str, row: Answers) -> Answer:
        """What the numbers mean.

        Args:
            name: what a person calls the image.
            row: float32 (K,).
        """

    @abstractmethod
    def failed(self, name: str, error: DataError) -> Answer:
        """What stands in the place of an image that cannot be read."""

    # --- several views of an image -------------------------------------------------------------

    def parts(self, image: Pixels) -> list[Part]:
        """What is computed of an image, uint8 (H, W, C), where it is seen more than once."""
        views = self.views.cut(image, self.preprocessing)
        return [Part(np.ascontiguousarray(each), 1 / len(views)) for each in views]

    def compute(self, batches: Iterator[Batch]) -> Generator[Answers]:
        """The answers to batches of parts, float32 (n, K), one array a batch, in their order."""
        return self.session.run(batch.pixels for batch in batches)

    def _means(
        self, keys: Iterable[Key], read: Callable[[Key], tuple[Told, list[Part]]], workers: int
    ) -> Generator[tuple[Told, Answers | None]]:
        """The mean of the answers to all parts of what is read, in the order of `keys`."""
        ahead = max(self.batch_size // self.views.count(self.preprocessing), workers)
        reading = prefetch(read, keys, workers=workers, ahead=ahead, name="striate-images")
        with closing(reading):
            for told, row in averaged(reading, self.compute, batch_size=self.batch_size):
                yield told, None if row is None else self.of_mean(row)

    def of_mean(self, row: Answers) -> Answers:
        """What becomes of the mean of the answers to an image's parts, float32 (K,): nothing."""
        return row

    # --- a set of images -----------------------------------------------------------------------

    def rows(
        self, images: ImageSet, *, workers: int = 0, progress: Progress | None = None
    ) -> Answers:
        """The numbers of every image of a set, float32 (images, K), in their order.

        The same bits for any number of `workers`.

        Args:
            images: a set, all of whose images can be read.
            workers: threads that read images; with 0 none beside the caller's.
            progress: called with images done, of all.

        Raises:
            DataError: an image cannot be read any more.
        """
        if not self.sees_once:
            return self._mean_rows(images, workers, progress)
        read = evaluated(images, self.preprocessing, fit=self.fits, reduced=self.reduced)
        found = np.empty((len(images), self.outputs), np.float32)
        done = 0
        batches = batches_of(images, read, batch_size=self.batch_size, workers=workers)
        with closing(batches), closing(self.session.run(batches)) as answers:
            for part in answers:
                found[done : done + len(part)] = self.checked(part)
                done += len(part)
                if progress is not None:
                    progress(done, len(images))
        return found

    def _mean_rows(self, images: ImageSet, workers: int, progress: Progress | None) -> Answers:
        """`rows` where there are several views of an image, which is decoded once."""

        def cut(index: int) -> list[Part]:
            with images.reading(index, self.channels) as image:
                return self.parts(image)

        def read(index: int) -> tuple[int, list[Part]]:
            return index, named(images, index, cut)

        found = np.empty((len(images), self.outputs), np.float32)
        with closing(self._means(range(len(images)), read, workers)) as means:
            for done, (index, row) in enumerate(means, start=1):
                assert row is not None
                found[index] = self.checked(row[None])[0]
                if progress is not None:
                    progress(done, len(images))
        return found

    def checked(self, part: Answers) -> Answers:
        """`part`, (n, K), of which the network has as many numbers an image as it should.

        Raises:
            RunError: it has not.
        """
        if part.shape[1:] != (self.outputs,):
            raise RunError(
                "the network",
                f"gives numbers of shape {part.shape[1:]} for an image, not {self.outputs:,}",
                "it is not the network that belongs to this description",
            )
        return part

    def numbers(
        self,
        images: ImageSet | Source | Iterable[Source],
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> Answers:
        """The numbers of every image, float32 (images, K), in the order of the images.

        Args:
            images: a set; or a file, a folder, a glob, a Pillow image, a NumPy array ((H, W) or
                (H, W, 1, 3 or 4), or (N, H, W, C) for several), a tensor ((C, H, W) or (N, C, H,
                W)), or several of them.
            workers: threads that read images; None for one a processor, at most four. The result
                is the same to the bit for any number.
            progress: called with images done, of all, where `images` are a set.

        Raises:
            DataError: an image cannot be read.
        """
        if isinstance(images, ImageSet):
            return self.rows(images, workers=threads(workers), progress=progress)
        found = [np.empty((0, self.outputs), np.float32)]
        for _, row in self._rows_of(items(images), threads(workers)):
            if isinstance(row, DataError):
                raise row
            found.append(row[None])
        return np.concatenate(found)

    # --- images that a person names ------------------------------------------------------------

    def answers(
        self,
        items: Iterable[Item],
        *,
        workers: int = 0,
        answer: Callable[[str, Answers], Answer] | None = None,
    ) -> Generator[Answer]:
        """An answer to each of `items`, in their order, as they come.

        No more than a batch of items is read ahead of what is computed; of an engine that computes
        several batches at a time, than these.

        Args:
            items: see `striate.data.finding.inputs.items`; may have no end.
            workers: threads that read images; with 0 none beside the caller's.
            answer: what to make of an image's numbers instead of `Predictor.answer`.
        """
        meant = self.answer if answer is None else answer
        with closing(self._rows_of(items, workers)) as rows:
            for item, row in rows:
                if isinstance(row, DataError):
                    yield self.failed(item.name, row)
                else:
                    yield meant(item.name, row)

    def _rows_of(
        self, items: Iterable[Item], workers: int
    ) -> Generator[tuple[Item, Answers | DataError]]:
        """Each item with its numbers, or why there are none."""
        if not self.sees_once:
            yield from self._mean_rows_of(items, workers)
            return
        waiting: deque[tuple[Item, DataError | None]] = deque()

        def unreadable() -> Iterator[tuple[Item, DataError]]:
            while waiting and waiting[0][1] is not None:
                item, error = waiting.popleft()
                assert error is not None
                yield item, error

        batches = self._batches(items, workers, waiting)
        with closing(batches), closing(self.session.run(batches)) as answers:
            for part in answers:
                for row in self.checked(part) if len(part) else part:
                    yield from unreadable()
                    yield waiting.popleft()[0], row
                yield from unreadable()

    def _mean_rows_of(
        self, items: Iterable[Item], workers: int
    ) -> Generator[tuple[Item, Answers | DataError]]:
        """`_rows_of` where there are several views of an image."""

        def read(item: Item) -> tuple[tuple[Item, DataError | None], list[Part]]:
            try:
                with item.opened(self.channels) as image:
                    return (item, None), self.parts(image)
            except DataError as error:
                return (item, error), []

        with closing(self._means(items, read, workers)) as means:
            for (item, error), row in means:
                if error is not None:
                    yield item, error
                elif row is not None:
                    yield item, self.checked(row[None])[0]

    def _batches(
        self, items: Iterable[Item], workers: int, waiting: deque[tuple[Item, DataError | None]]
    ) -> Generator[Pixels]:
        """Batches of the items that can be read; all of them are put down in `waiting`.

        A batch of which none can be read is an empty one, so that its errors are told at once.
        """

        def read(item: Item) -> tuple[Item, Pixels | DataError]:
            opened = partial(item.opened, self.preprocessing.channels)
            try:
                if self.fits:
                    return item, self.preprocessing.fitted(opened, reduced=self.reduced)
                with opened() as image:
                    return item, np.array(image)
            except DataError as error:
                return item, error

        # Threads have something to share where a file takes one image at a time.
        together = max(self.batch_size, CHUNK) if workers else self.batch_size
        channels, height, width = self.input
        # One pipeline for all batches: the next is read while the engine computes.
        reading = prefetch(read, items, workers=workers, ahead=together, name="striate-images")
        with closing(reading):
            while asked := list(islice(reading, together)):
                sound = []
                for item, found in asked:
                    error = found if isinstance(found, DataError) else None
                    waiting.append((item, error))
                    if not isinstance(found, DataError):
                        sound.append(found)
                yield from (
                    grouped(sound, self.batch_size)
                    if sound
                    else (np.empty((0, height, width, channels), np.uint8),)
                )

    # --- its engine ----------------------------------------------------------------------------

    def close(self) -> None:
        """Free what its engine holds; it cannot be used any more."""
        self.session.close()
