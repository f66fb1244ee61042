"""Inputs that grow while a network trains: ``[sizes]``, and the size of every epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from striate.errors import RecipeError
from striate.support.limits import LARGEST_SIDE
from striate.support.tables import Bounds, check_bounds

Share = Annotated[float, Bounds(0, 1, above=True)]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """``[sizes]``: sides of training images, as shares of those that the network is used at.

    Small images cost little and show enough for the first epochs (Howard 2018, the fast.ai recipes
    for DAWNBench). A last size below the one that the network is used at is no thrift alone: random
    crops show objects larger than evaluation does, and images a little smaller make up for it
    (Touvron et al. 2019, arXiv 1906.06423, Sec. 3).
    """

    start: Share = 1.0
    """In the first epoch."""
    end: Share = 1.0
    """In the last epochs."""
    over: Share = 0.8
    """The share of the epochs in which the size rises; the last of them has `end`."""
    step: Annotated[int, Bounds(1, LARGEST_SIDE)] = 16
    """Pixels: sides that are not the network's own are multiples of it."""

    def __post_init__(self) -> None:
        check_bounds(self, "sizes")
        if self.start > self.end:
            raise RecipeError(
                f"sizes: start = {self.start:g}, end = {self.end:g}",
                "images grow, they do not shrink",
                "let start be at most end",
            )

    @property
    def vary(self) -> bool:
        """Whether any epoch trains at another size than the network is used at."""
        return self.start < 1

    def at(self, epoch: int, epochs: int, own: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the images of an epoch.

        Args:
            epoch: its number, from 0.
            epochs: of the whole run.
            own: height and width that the network is used at.

        Examples:
            >>> sizes = Sizes(start=0.5, end=0.875, over=0.8)
            >>> [sizes.at(epoch, 10, (128, 128))[0] for epoch in range(10)]
            [64, 64, 80, 80, 96, 96, 112, 112, 112, 112]
        """
        rising = self.over * epochs - 1
        done = min(epoch / rising, 1.0) if rising > 0 else 1.0
        share = self.start + (self.end - self.start) * done
        height, width = (self._rounded(share * side, side) for side in own)
        return height, width

    def _rounded(self, wanted: float, side: int) -> int:
        """`wanted` pixels as a multiple of the step, and no more than `side`."""
        if wanted >= side:
            return side
        return min(max(math.floor(wanted / self.step + 0.5), 1) * self.step, side)

    def of_all(self, epochs: int, own: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """The sizes of all epochs of a run, in order: see `at`."""
        return tuple(self.at(epoch, epochs, own) for epoch in range(epochs))
