"""What differs between a transfer to images with classes and one to images with numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from striate.data.images import ImageSet
from striate.transfer_learning.heads.fit import FittedHead
from striate.transfer_learning.heads.regression.fit import FittedValueHead

Floats = NDArray[np.float32]
Fitted = FittedHead | FittedValueHead
F = TypeVar("F", FittedHead, FittedValueHead)


class Task(ABC, Generic[F]):
    """How heads are fitted to images, and judged, by what these are to be answered with.

    Sizes of a part of the images count the images of a class or, of numbers, all of them.

    Attributes:
        head: the kind of head that the run has.
        seed: of folds and draws.
        kinds: every kind of head there is for the task.
        trained: the kind that training on begins with: both minimise the same loss.
        figure: what `judged` gives, as a learning curve calls it.
        headline: the same figure among those of an epoch.
        steps: sizes that a learning curve is drawn over, beside all there are.
        few: up to this size draws differ: points are means over several.
        stage_steps: sizes that training with stages frozen is tried on.
    """

    head: str
    seed: int
    kinds: ClassVar[tuple[str, ...]]
    trained: ClassVar[str]
    figure: ClassVar[str]
    headline: ClassVar[str]
    steps: ClassVar[tuple[int, ...]]
    few: ClassVar[int]
    stage_steps: ClassVar[tuple[int, ...]]

    @abstractmethod
    def check(self, *, images: int, views: int) -> None:
        """Refuse a head that cannot be fitted to so many images.

        Raises:
            StriateError: it names the parameter.
        """

    @abstractmethod
    def fit(self, kind: str, rows: Floats, images: ImageSet) -> F:
        """A head of that kind fitted to `rows`, (images, views, D), of `images`."""

    @abstractmethod
    def notes(self, fitted: F, rows: Floats, images: ImageSet) -> Iterator[str]:
        """What a person should know of the head that was fitted to the training images."""

    @abstractmethod
    def compared(
        self, fitted: F, rows: Floats, images: ImageSet, cache: Path | None
    ) -> dict[str, Any]:
        """Cross-validation of every kind of head, as ``transfer.json`` has it."""

    @abstractmethod
    def doubts(self, fitted: F, rows: Floats, images: ImageSet) -> dict[str, Any]:
        """Training images that are likely labelled wrongly, as ``transfer.json`` has them."""

    @abstractmethod
    def answers(self, head: nn.Module, values: Floats) -> Floats:
        """What the network gives for images with features `values`, (images, D).

        Float32 probabilities (images, classes), or values (images, targets) in their own units.
        """

    @abstractmethod
    def judged(self, answers: Floats, images: ImageSet) -> float:
        """The `figure` of such answers."""

    @abstractmethod
    def most(self, images: ImageSet) -> int:
        """The size of all of `images`."""

    @abstractmethod
    def draw(self, images: ImageSet, size: int, seed: int) -> NDArray[np.int64]:
        """A part of `images` of that size, rising; a larger one holds the smaller."""
