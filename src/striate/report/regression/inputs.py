"""What the page of a run of numbers shows, apart from how a run is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.regression.result import RegressionEvaluation
from striate.report.inputs import PageInputs, of_any_run
from striate.report.regression.ensemble import MemberValues, member_values
from striate.report.regression.insight import NumberInsight, number_insight
from striate.runs.ensemble import ENSEMBLE
from striate.runs.targets import ScaledTarget

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.data.sources import Data
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class NumberInputs(PageInputs):
    """What the page of a run of numbers shows."""

    evaluation: RegressionEvaluation
    targets: tuple[ScaledTarget, ...]
    true: NDArray[np.float64]
    """(images, targets), in the order of `images`."""
    predicted: NDArray[np.float64]
    """Likewise."""
    train: ImageSet | None = None
    """The training images, with their values."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """How many images each part of the data has."""
    ensemble: tuple[MemberValues, ...] = ()
    """What each member of an ensemble gave; nothing for a run that is one network."""
    insight: NumberInsight = field(default_factory=NumberInsight)
    """Heat maps, embeddings and doubtful values of some of the images."""

    @property
    def train_values(self) -> NDArray[np.float64] | None:
        """(training images, targets)."""
        return None if self.train is None else self.train.values

    @property
    def members(self) -> int:
        """How many networks it is."""
        return len(self.variant["members"]) if self.network == ENSEMBLE else 1

    @property
    def errors(self) -> NDArray[np.float64]:
        """(images, targets): predicted less true."""
        return self.predicted - self.true

    @classmethod
    def from_run(
        cls,
        run: Run,
        data: Data,
        evaluation: RegressionEvaluation,
        values: NDArray[np.float32],
        check: Mapping[str, Any] | None,
        *,
        progress: bool = False,
    ) -> NumberInputs:
        """Gather from a run what the page shows of it, and compute what it shows of its images."""
        images = data.val if data.test is None else data.test
        assert images.values is not None
        predicted = values.astype(np.float64)
        return cls(
            evaluation=evaluation,
            targets=run.targets,
            true=images.values,
            predicted=predicted,
            totals={name: len(part) for name, part in data.splits.items()},
            ensemble=member_values(run, images.digests) if run.has_members else (),
            insight=number_insight(run, data, images.values, predicted, progress=progress),
            **of_any_run(run, data, check),
        )
