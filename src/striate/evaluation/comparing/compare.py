"""Runs and exported files side by side, on the images that none of them was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.engines.exported import is_exported, open_exported
from striate.errors import RunError, StriateError, TrainingError, parameter
from striate.evaluation.comparing.comparison import Compared, Pair, RunComparison
from striate.evaluation.comparing.differing import differing
from striate.evaluation.comparing.number_comparison import NumberComparison
from striate.evaluation.comparing.numbers import compare_numbers
from striate.evaluation.comparing.options import CompareRunsOptions
from striate.evaluation.comparing.paired import holm, mcnemar, paired_interval
from striate.evaluation.comparing.sides import (
    HeldOut,
    Side,
    common,
    found_again,
    held_out_of_runs,
    labelled,
    names_of,
    places,
    refuse_other_classes,
)
from striate.evaluation.metrics import wilson
from striate.inference.classifier import Classifier
from striate.runs.run import Run
from striate.support.paths import resolved, shown
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.evaluation.kinds import OpenClassifier, OpenRegressor


def compare(
    options: CompareRunsOptions,
    *,
    open_classifier: OpenClassifier,
    open_regressor: OpenRegressor,
) -> RunComparison | NumberComparison:
    """Compare runs and exported files as `options` say.

    What a run keeps of its held-out images is taken as it is; what is not kept is computed.

    Args:
        options: what is compared, and on what. With a page, its images are opened as well.
        open_classifier: opens the network of a run of classes.
        open_regressor: opens that of a run of numbers.

    Raises:
        RunError: one cannot be opened, they answer otherwise, or have no held-out image in common.
        StriateError: there are fewer than two, or images are needed.
        DataError: the images cannot be used.
    """
    sides = _sides(options)
    if not all(side.classes for side in sides):
        return compare_numbers(sides, options, open_regressor=open_regressor)
    refuse_other_classes(sides)
    if options.data is None:
        held_out = held_out_of_runs(sides, options)
    else:
        held_out = [labelled(side, sides[0].classes, options) for side in sides]
    same, notes = common(held_out, sides)
    shares = [
        _probabilities(side, each, options, open_classifier)
        for side, each in zip(sides, same, strict=True)
    ]
    for side in sides:
        notes += [f"{printable(side.name)}: {note}" for note in _notes_on(side)]
    images = next((each.images for each in same if each.images is not None), None)
    if images is None and options.output is not None:
        images, note = found_again(sides, same[0].digests, options)
        notes += [note] if note else []
    return _compared(sides, same[0], shares, images, notes)


def _sides(options: CompareRunsOptions) -> list[Side]:
    alone = isinstance(options.runs, (str, Path))
    paths = [resolved(each, kind=RunError) for each in ([] if alone else options.runs)]
    if len(paths) < 2:
        raise StriateError(parameter("runs"), "are fewer than two", "give two or more to compare")
    for path in paths:
        if paths.count(path) > 1:
            raise RunError(shown(path), "is given twice", "give it once")
    sides = []
    for path, name in zip(paths, names_of(paths), strict=True):
        if is_exported(path):
            file = open_exported(path)
            network = file.metadata.get("network", "")
            sides.append(
                Side(name=name, path=path, classes=file.classes, network=network, run=None)
            )
        else:
            run = Run.open(path, allow_code=options.allow_code)
            network = run.config.network
            sides.append(Side(name=name, path=path, classes=run.classes, network=network, run=run))
    return sides


def _notes_on(side: Side) -> tuple[str, ...]:
    if side.run is None:
        return ("a file holds no list of what it was trained on, which these may be among",)
    return side.run.notes


def _probabilities(
    side: Side, held_out: HeldOut, options: CompareRunsOptions, open_classifier: OpenClassifier
) -> NDArray[np.float32]:
    """What `side` gives for its images, (n, classes), in its own order of classes."""
    found = held_out.probabilities
    if found is None:
        assert held_out.images is not None
        with counting(
            f"evaluating images, {printable(side.name)}", wanted=options.progress
        ) as count:
            given = {"workers": options.workers, "progress": count}
            if side.run is not None:
                classifier = open_classifier(side.run, device=options.device)
                found = classifier.probabilities(held_out.images, **given)  # type: ignore[arg-type]
            else:
                with Classifier.of_file(side.path) as file:
                    found = file.probabilities(held_out.images, **given)  # type: ignore[arg-type]
    if not np.isfinite(found).all():
        raise TrainingError(
            shown(side.path),
            "its network's probabilities are not finite numbers",
            "the weights have diverged: train again at a lower learning rate",
        )
    return found


def _compared(
    sides: Sequence[Side],
    same: HeldOut,
    shares: Sequence[NDArray[np.float32]],
    images: ImageSet | None,
    notes: Sequence[str],
) -> RunComparison:
    classes = sides[0].classes
    predicted = np.stack(
        [places(s.classes, classes)[p.argmax(axis=1)] for s, p in zip(sides, shares, strict=True)]
    )
    right = predicted == same.labels
    configs = [side.run.config if side.run is not None else None for side in sides]
    return RunComparison(
        compared=tuple(_one(side, own) for side, own in zip(sides, right, strict=True)),
        pairs=pairs(right),
        classes=classes,
        names=same.names,
        digests=same.digests,
        labels=same.labels,
        predicted=predicted,
        confidence=np.stack([each.max(axis=1) for each in shares]),
        settings=differing(configs),
        notes=tuple(notes),
        images=images,
    )


def _one(side: Side, right: NDArray[np.bool_]) -> Compared:
    hits = int(right.sum())
    return Compared(
        name=side.name,
        path=side.path,
        network=side.network,
        top1=hits / len(right),
        interval=wilson(hits, len(right)),
        curve=() if side.run is None else curve_of(side.run),
    )


def curve_of(run: Run) -> tuple[tuple[int, float, float], ...]:
    """(epoch, validation top-1, validation loss) of each epoch of `run` that was validated.

    Raises:
        RunError: its log is damaged.
    """
    lines = [line for line in run.metrics if line.get("validation")]
    return tuple(
        (int(each["epoch"]), float(each["validation"]["top1"]), float(each["validation"]["loss"]))
        for each in lines
    )


def pairs(right: NDArray[np.bool_]) -> tuple[Pair, ...]:
    """Each two of those that are compared.

    Args:
        right: which images each gets right, (compared, n).
    """
    found = []
    for first, second in combinations(range(len(right)), 2):
        lost = int((right[first] & ~right[second]).sum())
        gained = int((right[second] & ~right[first]).sum())
        images = right.shape[1]
        found.append(
            Pair(
                first=first,
                second=second,
                difference=(lost - gained) / images,
                interval=paired_interval(lost, gained, images),
                only_first=lost,
                only_second=gained,
                p_value=mcnemar(lost, gained),
                adjusted=1.0,
            )
        )
    adjusted = holm([pair.p_value for pair in found])
    return tuple(replace(pair, adjusted=p) for pair, p in zip(found, adjusted, strict=True))
