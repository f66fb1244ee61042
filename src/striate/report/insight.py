"""What is computed of a run's images for its page: heat maps, embeddings, doubtful labels.

It is bounded: a page is worth some seconds, not minutes. What an image costs is counted in
multiply-accumulates and pixels, not in seconds, so that the same run always gives the same page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import StriateError
from striate.evaluation.wrong_labels import Doubt, doubtful_labels
from striate.report.embedded import Embedded, embedded
from striate.support import settings
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.engines.heat_maps import Laid, Maps
    from striate.evaluation.embeddings import Floats
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor
    from striate.runs.run import Run

MISTAKES = 24
"""Mistakes that are shown."""
DOUBTS = 24
"""Doubtful labels that are shown."""


@dataclass(frozen=True, kw_only=True)
class Insight:
    """What the page shows beyond figures, whatever the run answers with.

    Attributes:
        maps: heat maps of some of the held-out images, by the number of the image and that of the
            class or target that it is of.
        told: how the maps were found, in words.
        laid: where their positions lie over what the network sees.
        embedded: embeddings of held-out and of training images; None where there are none.
        notes: what could not be computed, and why, in whole sentences.
    """

    maps: Mapping[tuple[int, int], Maps] = field(default_factory=dict)
    told: str = ""
    laid: Laid | None = None
    embedded: Embedded | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClassInsight(Insight):
    """What the page of a run of classes shows beyond figures.

    The heat maps are of the surest mistakes, and of the class that was predicted.

    Attributes:
        doubts: the held-out images whose labels are most doubtful.
        doubted: how many doubtful labels there are among the held-out images.
    """

    doubts: Sequence[Doubt] = ()
    doubted: int = 0


def class_insight(
    run: Run, data: Data, probabilities: NDArray[np.float32], *, progress: bool = False
) -> ClassInsight:
    """Compute what the page of `run` shows beyond figures.

    Args:
        run: the run, trained and measured.
        data: what it was trained on.
        probabilities: (images, classes), of its held-out images.
        progress: count on standard error.
    """
    images = data.val if data.test is None else data.test
    labels = np.asarray(images.labels, np.int64)
    wrong = surest_wrong(probabilities, labels, MISTAKES)
    doubts = doubtful_labels(probabilities, labels)
    shown = doubts[:DOUBTS]
    predicted = probabilities.argmax(axis=1)
    return ClassInsight(
        doubts=shown,
        doubted=len(doubts),
        **looked_into(
            run,
            data,
            [(each, int(predicted[each])) for each in wrong],
            [*wrong, *(doubt.image for doubt in shown)],
            progress=progress,
        ),
    )


def looked_into(
    run: Run,
    data: Data,
    explained: Sequence[tuple[int, int]],
    wanted: Sequence[int],
    *,
    progress: bool = False,
) -> dict[str, Any]:
    """The fields of `Insight`: maps and embeddings of held-out images.

    Whatever fails leaves a note: a run's page does not depend on it.

    Args:
        run: the run, trained and measured.
        data: what it was trained on.
        explained: images that have a heat map, and the class or target that it is of.
        wanted: images whose embeddings have to be there.
        progress: count on standard error.
    """
    images = data.val if data.test is None else data.test
    found: dict[str, Any] = {}
    notes: list[str] = []
    # Sums in another order end in other last digits: the run's own threads repeat them.
    with settings.threads(run.config.threads):
        try:
            found |= _maps(run, images, explained)
        except Exception as error:  # a network of one's own may do what nobody has foreseen
            notes.append(f"There are no heat maps: {_said(error)}.")
        try:
            with counting("comparing images", wanted=progress) as count:
                found["embedded"] = embedded(run, data, wanted, progress=count)
        except Exception as error:
            notes.append(f"There are no embeddings: {_said(error)}.")
    return {**found, "notes": tuple(notes)}


def surest_wrong(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], most: int
) -> list[int]:
    """Numbers of the images that were predicted wrongly, the most confident ones first."""
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    chosen: list[int] = wrong[np.argsort(-confidence[wrong], kind="stable")][:most].tolist()
    return chosen


def _said(error: Exception) -> str:
    if isinstance(error, StriateError):
        return f"{error.what} {error.why}"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _maps(run: Run, images: Any, explained: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """A heat map for each of what is `explained`."""
    from striate.inference.explaining.choosing import Wanted, explainer_of
    from striate.inference.explaining.explainer import NetworkMaps

    if not explained:
        return {}
    maps: dict[tuple[int, int], Maps] = {}
    with (
        _opened(run) as predictor,
        # Occlusion would take two hundred times as long.
        explainer_of(predictor, Wanted(method="grad-cam")) as explainer,
    ):
        if not isinstance(explainer, NetworkMaps):
            raise StriateError("this page", "has heat maps of one network, not of several")
        for first in range(0, len(explained), 8):
            part = explained[first : first + 8]
            pixels = np.stack([images.read_fitted(each, run.preprocessing) for each, _ in part])
            found = explainer.of(pixels, [number for _, number in part])
            maps |= dict(zip(part, found, strict=True))
        return {"maps": maps, "told": explainer.told, "laid": explainer.laid}


def _opened(run: Run) -> Classifier | Regressor:
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor

    return Regressor.of_run(run) if run.answers_numbers else Classifier.of_run(run)


def rows_of(indices: NDArray[np.int64], values: Floats, wanted: Sequence[int]) -> Floats:
    """The rows of `values` that belong to the images `wanted`, which are among `indices`."""
    at = np.searchsorted(indices, np.asarray(wanted, np.int64))
    rows: Floats = values[at]
    return rows
