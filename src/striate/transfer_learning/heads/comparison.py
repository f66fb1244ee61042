"""Every kind of head on the same training images, beside the one that a run has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.hub.heads import HEADS
from striate.transfer_learning.cache.comparisons import compared
from striate.transfer_learning.heads.fit import METHOD, FittedHead, fit_head
from striate.transfer_learning.heads.softmax import Penalty
from striate.transfer_learning.heads.svm import MOST_KERNEL_ROWS

#: Rows that heads are compared on at most: that shows their differences, and costs seconds.
COMPARED = 1_000


def compare(
    fitted: FittedHead,
    rows: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    cache: Path | None,
    *,
    seed: int,
) -> dict[str, Any]:
    """Cross-validation of every kind of head, in the same views as of the run's own.

    Args:
        fitted: the run's own head.
        rows: (images, views, D), what it was fitted to.
        labels: (images,).
        classes: their names.
        cache: the folder of the cache, if there is one.
        seed: that the run's own head was fitted with.

    Returns:
        ``compared``: each head as `FittedHead.to_json` describes it; nothing where
        nothing can be held out. ``compared_images``: on how many images, fewer where there are more
        than `COMPARED` rows. ``compared_all``: whether it was all of them, so that the run's own
        head is among those compared.
    """
    views = rows.shape[1]
    chosen = some(labels, COMPARED // views, seed)
    whole = len(chosen) == len(labels)
    tried = []
    for kind in HEADS if fitted.folds else ():
        if kind == "svm-rbf" and len(chosen) * views > MOST_KERNEL_ROWS:
            continue  # of thousands of classes, two images each are too many for it
        if whole and kind == fitted.kind:
            tried.append(fitted.to_json())
            continue
        penalty: Penalty = fitted.penalty if kind == fitted.kind else "l2"

        def fit(kind: str = kind, penalty: Penalty = penalty) -> dict[str, Any]:
            given = rows[chosen], labels[chosen], classes
            return fit_head(
                kind, *given, penalty=penalty, class_weights=fitted.class_weights, seed=seed
            ).to_json()

        how = f"{METHOD} {kind} {penalty} {seed}"
        if fitted.class_weights != "none":
            how += f" {fitted.class_weights}"
        tried.append(compared(cache, how, rows[chosen], labels[chosen], fit))
    # Of many copies it may be that none of the chosen can be held out.
    tried = [each for each in tried if each["folds"]]
    return {"compared": tried, "compared_images": len(chosen), "compared_all": whole}


def some(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """About `most` images, rising, of every class its share and at least two."""
    if len(labels) <= most:
        return np.arange(len(labels))
    random = np.random.default_rng(seed)
    kept = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        share = max(round(most * len(members) / len(labels)), 2)
        kept.append(random.permutation(members)[:share])
    return np.sort(np.concatenate(kept))
