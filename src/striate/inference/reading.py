"""Images on their way to a network: read and fitted on threads, in order, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError, StriateError
from striate.support import paths
from striate.support.prefetch import prefetch

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing

T = TypeVar("T")
Pixels: TypeAlias = NDArray[np.uint8]
Read: TypeAlias = Callable[[int], Pixels]
"""From an image's number in its set to its pixels, uint8 (H, W, C)."""

CHUNK = 8
"""Images a task of a thread: a task for each would spend a third of a small one's time on that."""

_AHEAD = 4  # chunks read before they are asked for, beside those of the workers


def evaluated(
    images: ImageSet, preprocessing: Preprocessing, *, fit: bool = True, reduced: bool = False
) -> Read:
    """How an image of a set is read to be evaluated: at the network's size if `fit`, else whole.

    With `reduced`, a large JPEG may be reduced while it is decoded.
    """

    def read(index: int) -> Pixels:
        if fit:
            return images.read_fitted(index, preprocessing, reduced=reduced)
        with images.reading(index, preprocessing.channels) as image:
            return np.array(image)

    return read


def batches_of(
    images: ImageSet,
    read: Read,
    *,
    indices: Sequence[int] | None = None,
    batch_size: int,
    workers: int,
) -> Generator[Pixels]:
    """Batches of `images`, in order, read ahead on threads.

    Closing the generator ends its threads.

    Args:
        images: a set.
        read: called on the threads, once for each image.
        indices: of the images, in the order in which they are to come; None for all.
        batch_size: the most images in a batch; images of different sizes are never in one.
        workers: threads; with 0 the caller reads what it asks for.

    Yields:
        uint8 (n, height, width, channels).

    Raises:
        DataError: an image cannot be read any more.
    """
    wanted = range(len(images)) if indices is None else indices

    def chunk(first: int) -> list[Pixels]:
        return [named(images, index, read) for index in wanted[first : first + size]]

    size = min(CHUNK, batch_size)
    ahead = workers + max(_AHEAD, batch_size // size)
    firsts = range(0, len(wanted), size)
    chunks = prefetch(chunk, firsts, workers=workers, ahead=ahead, name="striate-images")
    with closing(chunks):
        yield from grouped((image for part in chunks for image in part), batch_size)


def named(images: ImageSet, index: int, read: Callable[[int], T]) -> T:
    """What `read` makes of an image of a set; whatever it raises names the image.

    Raises:
        DataError: it cannot be read any more.
    """
    try:
        return read(index)
    except StriateError:
        raise
    except Exception as error:
        path = images.path(index)
        name = paths.shown(path) if path else images.names[index]
        raise DataError(name, str(error) or type(error).__name__) from error


def grouped(images: Iterable[Pixels], batch_size: int) -> Iterator[Pixels]:
    """`images`, each (H, W, C), as batches (n, H, W, C) of neighbours of one shape, in order.

    Examples:
        >>> sizes = [(2, 2, 1), (2, 2, 1), (2, 2, 1), (4, 2, 1), (2, 2, 1)]
        >>> [batch.shape[:2] for batch in grouped([np.zeros(size) for size in sizes], 2)]
        [(2, 2), (1, 2), (1, 4), (1, 2)]
    """
    waiting: list[Pixels] = []
    for image in images:
        if waiting and image.shape != waiting[0].shape:
            yield np.stack(waiting)
            waiting = []
        waiting.append(image)
        if len(waiting) == batch_size:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)
