"""Cross-validation of heads: which images are held out together.

In each fold features are scaled by the images that are fitted on, never by those that are
held out: a scale that only suits the images it came from would otherwise look as if it suited all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import sklearn
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from striate.recipes.choices import ClassWeights
from striate.support.processors import processor_threads
from striate.training.losses import balanced_weights
from striate.transfer_learning.heads.scaling import KINDS, Floats, Kind, Scaling

T = TypeVar("T")
R = TypeVar("R")

#: Calls a function with every item, on threads; results in the items' order.
Map = Callable[[Callable[[T], R], Iterable[T]], list[R]]

Labels = NDArray[np.int64]

#: Images above which three folds are as good as five.
MANY = 1_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """What is fitted on and what is judged, in rows of the samples."""

    fitted: NDArray[np.int64]
    held: NDArray[np.int64]
    """The first views of the images that are held out."""
    images: int
    """Different images that are fitted on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Training images as rows to fit on: one a view, scaled."""

    rows: Floats
    """(images · views, D) float32, scaled; the views of an image stand together."""
    labels: Labels
    """(images · views,)."""
    weights: Floats
    """(images · views,) float32: what each counts for, 1 in the mean; C is multiplied by it."""
    views: int
    classes: int
    scaling: Scaling
    """From features to `rows`."""
    folds: tuple[Fold, ...]
    """Empty where no class has a second image."""
    raw: Floats
    """`rows` as they came."""
    images: int
    """That differ."""
    scaled: Kind

    @classmethod
    def of(
        cls,
        features: Floats,
        labels: Labels,
        classes: int,
        seed: int,
        class_weights: ClassWeights = "none",
    ) -> Samples:
        """Scale `features`, (images, views, D), and decide the folds."""
        images, views, width = features.shape
        raw = np.ascontiguousarray(features, np.float32).reshape(images * views, width)
        originals = _originals(features[:, 0])
        different = len(np.unique(originals))
        scaling = Scaling.of(raw, different)
        weights = np.ones(images, np.float32)
        if class_weights == "balanced":
            # Of all images, in every fold: another weight would be another C.
            weights = balanced_weights(labels, classes).numpy()[labels]
        return cls(
            rows=scaling(raw),
            labels=np.repeat(labels, views),
            weights=np.repeat(weights, views),
            views=views,
            classes=classes,
            scaling=scaling,
            folds=_folds(labels, originals, views, seed),
            raw=raw,
            images=different,
            scaled=KINDS[0],
        )

    def scaled_as(self, kind: Kind) -> Samples:
        """The same images in the same folds, scaled otherwise."""
        scaling = Scaling.of(self.raw, self.images, kind)
        return replace(self, rows=scaling(self.raw), scaling=scaling, scaled=kind)

    def split(self, number: int) -> tuple[Floats, Floats]:
        """The rows that fold `number` fits on and those it holds out, scaled by the former."""
        fold = self.folds[number]
        fitted = self.raw[fold.fitted]
        scaling = Scaling.of(fitted, fold.images, self.scaled)
        return scaling(fitted), scaling(self.raw[fold.held])


def _originals(features: Floats) -> NDArray[np.int64]:
    """The first image with the same features, of each: copies of one picture have all alike."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(row.tobytes(), at) for at, row in enumerate(features)])


def pictures(features: Floats, labels: Labels) -> NDArray[np.int64]:
    """How many different pictures each class has, by the features of its images, (images, D)."""
    originals = _originals(features)
    return np.array([len(np.unique(originals[labels == at])) for at in range(labels.max() + 1)])


def _folds(labels: Labels, originals: NDArray[np.int64], views: int, seed: int) -> tuple[Fold, ...]:
    """Stratified folds: five, three of many images, fewer where no class has as many pictures.

    Copies of one picture share a fold, whatever they are called. A class of one picture is fitted
    on in every fold and held out in none; any other leaves at least one to fit on in each.
    """
    pictures = [np.unique(originals[labels == label]) for label in range(labels.max() + 1)]
    number = min(3 if len(labels) > MANY else 5, max(map(len, pictures)))
    if number < 2:
        return ()
    random = np.random.default_rng(seed)
    fold_of = np.full(len(labels), -1)
    for label, own in enumerate(pictures):
        free = random.permutation(own[fold_of[own] < 0])
        if len(own) > 1:
            # Each class begins at another fold, or the first would have all the odd images.
            fold_of[free] = (np.arange(len(free)) + label) % number
    for own in pictures:
        # Afterwards, since other classes may hold out the pictures that they share with this one.
        if (fold_of[own] == fold_of[own[0]]).all():
            fold_of[own[0]] = -1
    fold_of = fold_of[originals]
    row_folds = np.repeat(fold_of, views)
    return tuple(
        Fold(
            fitted=np.flatnonzero(row_folds != fold),
            held=np.flatnonzero(fold_of == fold) * views,
            images=len(np.unique(originals[fold_of != fold])),
        )
        for fold in range(number)
        if (fold_of == fold).any()
    )


@contextmanager
def threads() -> Iterator[Map[Any, Any]]:
    """A `Map` on as many threads as there are processors, each of which computes on one alone.

    Two folds at a time whose products take two threads each hinder one another more than they help.
    """

    def quick(function: Callable[[T], R], item: T) -> R:
        # Ours are finite, and checked once: a kernel of a thousand images takes as long to check
        # as an SVM to fit. The setting is a thread's own.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            return function(item)

    with (
        ThreadpoolController().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(processor_threads(1), thread_name_prefix="striate-folds") as pool,
    ):
        yield lambda function, items: list(pool.map(lambda item: quick(function, item), items))
