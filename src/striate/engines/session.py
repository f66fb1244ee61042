"""A network, or a file that holds one, ready to compute in one engine.

A session takes batches of pixels and gives what the network makes of them, in their order; how the
engine normalises, in what precision and with how many threads it computes is its own business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.engines.messages import brief
from striate.errors import ExportError
from striate.support.closing import Closable

Pixels: TypeAlias = NDArray[np.uint8]
"""uint8 (n, height, width, channels): a batch as `Preprocessing.fit_image` gives its images."""

Answers: TypeAlias = NDArray[np.float32]
"""float32 (n, K): K numbers for each image of a batch."""

Feed: TypeAlias = Callable[[Pixels], NDArray[Any]]
"""From a batch to what a graph takes as its input."""

BATCH = 8
"""Images a batch. More gain nothing on a processor, and keep caches and memory busier."""

NOTHING: Answers = np.empty((0, 0), np.float32)
"""What an empty batch gives."""


class Session(Closable, ABC):
    """A network in an engine.

    Args:
        name: the engine and its precision, for people: ``openvino bfloat16``.
        batch_size: the most images that it takes in one batch.

    Attributes:
        name: the engine and its precision.
        batch_size: the most images that it takes in one batch.
    """

    def __init__(self, name: str, batch_size: int) -> None:
        self.name = name
        self.batch_size = batch_size

    @abstractmethod
    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        """Compute, one array a batch, in the order of the batches.

        Batches are asked for as they are needed; an engine that computes several at a time is a few
        ahead of its answers. Closing the generator ends what is under way.

        Args:
            batches: uint8 (n, height, width, channels), each with at most `batch_size` images, and
                of the size that the network takes unless the session is of a file that resizes
                within. An empty batch gives an empty answer.

        Yields:
            float32 (n, K), as many rows as the batch has images.

        Raises:
            ExportError: the engine cannot compute it.
        """


@contextmanager
def in_one_line(title: str) -> Iterator[None]:
    """Make an error in one line of what the engine called `title` raises in the block.

    Engines have no error family of their own, and name places in their source.

    Raises:
        ExportError: of whatever was raised.
    """
    try:
        yield
    except Exception as error:
        raise ExportError(title, f"cannot run it ({brief(error)})") from error


def as_it_is(pixels: Pixels) -> NDArray[Any]:
    """The feed of a graph that takes pixels."""
    return pixels


def channels_first(pixels: NDArray[Any]) -> NDArray[Any]:
    """The feed of a graph that takes what is (n, height, width, channels) with channels first."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def normalised(preprocessing: Preprocessing) -> Feed:
    """The feed of a graph that takes float32 (n, channels, height, width), normalised."""
    scale = np.array([1 / (255 * std) for std in preprocessing.std], np.float32)
    pairs = zip(preprocessing.mean, preprocessing.std, strict=True)
    shift = np.array([-mean / std for mean, std in pairs], np.float32)

    def feed(pixels: Pixels) -> NDArray[Any]:
        return channels_first(pixels.astype(np.float32) * scale + shift)

    return feed
