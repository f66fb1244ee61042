"""What one pass over the images of a set makes of the large ones, for all that needs them later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from striate.data.scan import Visitor
from striate.data.sources import Data
from striate.data.statistics import Moments
from striate.data.working_copies.copies import WorkingCopies
from striate.data.working_copies.fitted import FittedImages


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """What is at hand of large images beside their files.

    Attributes:
        copies: what crops are cut from; None for the images themselves.
        fitted: images as evaluation sees them.
        moments: what their colour statistics are made of.
        cache: the cache's folder, where the statistics of all of them lie; None where there is
            none.
    """

    copies: WorkingCopies | None = None
    fitted: FittedImages | None = None
    moments: Moments | None = None
    cache: Path | None = None

    @property
    def visitors(self) -> Sequence[Visitor]:
        """Who makes it while the images are decoded."""
        each = (self.copies, self.fitted, self.moments)
        return [visitor for visitor in each if visitor is not None]


def knowing(data: Data, made: Made) -> Data:
    """`data` whose images know what was `made` of them."""
    return replace(
        data,
        train=replace(data.train, made=made),
        val=replace(data.val, made=made),
        test=None if data.test is None else replace(data.test, made=made),
    )
