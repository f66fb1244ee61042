"""Runs of numbers side by side, on the images that none of them was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.data.labelled import open_labelled
from striate.data.scan import threads
from striate.errors import RunError
from striate.evaluation.comparing.differing import differing
from striate.evaluation.comparing.number_comparison import (
    ComparedNumbers,
    NumberComparison,
    NumberPair,
)
from striate.evaluation.comparing.options import CompareRunsOptions
from striate.evaluation.comparing.paired import holm
from striate.evaluation.comparing.sides import (
    Side,
    found_again,
    left_out_by_some,
    nothing_in_common,
    own_images,
)
from striate.evaluation.regression.bootstrap import intervals
from striate.evaluation.regression.metrics import METRICS, Floats, Metric
from striate.runs.data import training_of
from striate.runs.ensemble import order_of
from striate.runs.predicted_values import read_values
from striate.support.folders import cache_at
from striate.support.paths import shown
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.evaluation.kinds import OpenRegressor
    from striate.runs.run import Run

_MAE, _RMSE = (next(each for each in METRICS if each.key == key) for key in ("mae", "rmse"))
_DIFFERENCE = Metric(
    key="difference",
    name="difference of mean absolute errors",
    of=lambda one, other: np.asarray((one - other).mean(axis=-1)),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _HeldOut:
    """Images that a run was not trained on, and what it gives for them, in the first's order.

    The images themselves are there where they had to be opened.
    """

    names: Sequence[str]
    digests: Sequence[str]
    true: NDArray[np.float64]
    predicted: NDArray[np.float32]
    images: ImageSet | None = None

    @property
    def keys(self) -> list[tuple[str, bytes, int]]:
        """Content, values, and how many of both came before, of each image."""
        seen: Counter[tuple[str, bytes]] = Counter()
        found = []
        for digest, row in zip(self.digests, self.true, strict=True):
            known = digest, (row + 0.0).tobytes()
            found.append((*known, seen[known]))
            seen[known] += 1
        return found

    def subset(self, indices: Sequence[int]) -> _HeldOut:
        return replace(
            self,
            names=[self.names[at] for at in indices],
            digests=[self.digests[at] for at in indices],
            true=self.true[list(indices)],
            predicted=self.predicted[list(indices)],
            images=None if self.images is None else self.images.subset(list(indices)),
        )


def compare_numbers(
    sides: Sequence[Side], options: CompareRunsOptions, *, open_regressor: OpenRegressor
) -> NumberComparison:
    """Compare runs of numbers as `options` say.

    What a run keeps of its held-out images is taken as it is; what is not kept is computed.

    Args:
        sides: runs, of which one at least answers with numbers.
        options: on what they are compared.
        open_regressor: opens the network of a run.

    Raises:
        RunError: one answers otherwise than the others, or they have no held-out image in common.
        DataError: the images cannot be used.
    """
    runs = [_checked(side, sides[0]) for side in sides]
    held_out = [
        _kept(run, runs[0])
        if options.data is None and _is_kept(run)
        else _computed(run, runs[0], side, options, open_regressor)
        for side, run in zip(sides, runs, strict=True)
    ]
    keys = [each.keys for each in held_out]
    shared = set(keys[0]).intersection(*keys[1:])
    if not shared:
        raise nothing_in_common(sides, [len(own) for own in keys])
    order = [key for key in keys[0] if key in shared]
    same = []
    for each, own in zip(held_out, keys, strict=True):
        at = {key: place for place, key in enumerate(own)}
        same.append(each.subset([at[key] for key in order]))
    notes = left_out_by_some(sides, [len(own) for own in keys], len(order))
    for side, run in zip(sides, runs, strict=True):
        notes += [f"{printable(side.name)}: {note}" for note in run.notes]
    predicted = np.stack([each.predicted for each in same])
    images = next((each.images for each in same if each.images is not None), None)
    if images is None and options.output is not None:
        images, note = found_again(sides, same[0].digests, options)
        notes += [note] if note else []
    return NumberComparison(
        compared=tuple(
            _one(side, same[0].true, each.predicted) for side, each in zip(sides, same, strict=True)
        ),
        pairs=pairs(same[0].true, predicted),
        targets=tuple(each.plain for each in runs[0].targets),
        names=same[0].names,
        digests=same[0].digests,
        true=same[0].true,
        predicted=predicted,
        settings=differing([run.config for run in runs]),
        notes=tuple(notes),
        images=images,
    )


def _checked(side: Side, first: Side) -> Run:
    """The run of `side`, which must answer as that of the `first` does."""
    if side.run is None or first.run is None:
        file = side if side.run is None else first
        if file.classes:
            why, remedy = "answers with classes, and others with numbers", "leave it out"
        else:
            why = "is a file, and of those that answer with numbers only runs are compared"
            remedy = "give the run that it was exported from"
        raise RunError(shown(file.path), why, remedy)
    order_of(first.run, side.run)
    return side.run


def _is_kept(run: Run) -> bool:
    found = read_values(run)
    return found is not None and found.epoch == run.weights_epoch


def _kept(run: Run, first: Run) -> _HeldOut:
    found = read_values(run)
    assert found is not None
    order = order_of(first, run) or list(range(len(run.targets)))
    return _HeldOut(
        names=found.names,
        digests=list(found.digests),
        true=found.true[:, order],
        predicted=found.predicted[:, order],
    )


def _computed(
    run: Run, first: Run, side: Side, options: CompareRunsOptions, open_regressor: OpenRegressor
) -> _HeldOut:
    """What `run` gives for the images that were given, or for its own held-out ones."""
    images = own_images(side, options) if options.data is None else _given(run, options)
    with counting(f"evaluating images, {printable(side.name)}", wanted=options.progress) as count:
        regressor = open_regressor(run, device=options.device)
        predicted = regressor.values(images, workers=options.workers, progress=count)
    assert images.values is not None
    order = order_of(first, run) or list(range(len(run.targets)))
    return _HeldOut(
        images=images,
        names=images.names,
        digests=list(images.digests),
        true=images.values[:, order],
        predicted=predicted[:, order],
    )


def _given(run: Run, options: CompareRunsOptions) -> ImageSet:
    assert options.data is not None
    with counting("checking images", wanted=options.progress) as count:
        return open_labelled(
            options.data,
            (),
            training=training_of(run),
            skip_bad=options.skip_bad,
            workers=max(threads(options.workers), 1),
            cache=cache_at(None),
            recheck=options.recheck,
            progress=count,
        ).images


def _one(side: Side, true: Floats, predicted: NDArray[np.float32]) -> ComparedNumbers:
    columns = list(zip(true.T, predicted.astype(np.float64).T, strict=True))
    return ComparedNumbers(
        name=side.name,
        path=side.path,
        network=side.network,
        maes=tuple(float(_MAE.of(one, other)) for one, other in columns),
        intervals=tuple(intervals(one, other, [_MAE])[0] for one, other in columns),
        rmses=tuple(float(_RMSE.of(one, other)) for one, other in columns),
        curve=() if side.run is None else number_curve_of(side.run),
    )


def number_curve_of(run: Run) -> tuple[tuple[int, float, float], ...]:
    """(epoch, validation mean absolute error, validation loss) of each epoch that was validated.

    Raises:
        RunError: its log is damaged.
    """
    lines = [line for line in run.metrics if line.get("validation")]
    return tuple(
        (int(each["epoch"]), float(each["validation"]["mae"]), float(each["validation"]["loss"]))
        for each in lines
    )


def pairs(true: Floats, predicted: NDArray[np.float32]) -> tuple[NumberPair, ...]:
    """Each two of those that are compared, by each target.

    Args:
        true: (n, targets).
        predicted: (compared, n, targets).
    """
    errors = np.abs(predicted.astype(np.float64) - true)
    found = []
    for first, second in combinations(range(len(errors)), 2):
        for target in range(true.shape[1]):
            one, other = errors[first, :, target], errors[second, :, target]
            found.append(
                NumberPair(
                    first=first,
                    second=second,
                    target=target,
                    difference=float((one - other).mean()),
                    interval=intervals(one, other, [_DIFFERENCE])[0],
                    nearer_first=int((one < other).sum()),
                    nearer_second=int((other < one).sum()),
                    p_value=signed_rank(one, other),
                    adjusted=1.0,
                )
            )
    adjusted = holm([pair.p_value for pair in found])
    return tuple(replace(pair, adjusted=p) for pair, p in zip(found, adjusted, strict=True))


def signed_rank(one: Floats, other: Floats) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test of paired values; 1 of equal ones.

    Wilcoxon 1945, "Individual comparisons by ranking methods": were both as good, differences would
    lie about zero, and the ranks of those above it add up to about as much as of those below.
    """
    if (one == other).all():
        return 1.0
    from scipy.stats import wilcoxon  # type: ignore[import-untyped]

    return float(wilcoxon(one, other).pvalue)
