"""The confusion matrix as a page can show it, whether there are two classes or a thousand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.metrics import Evaluation
from striate.support.words import percent

#: More classes than this make a matrix that nobody can read.
MOST_CLASSES = 30
MOST_PAIRS = 200


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell; its `shade` is a class of the style sheet, such as ``right0`` or ``wrong9``."""

    true: int
    predicted: int
    images: int
    share: str
    """Of the row's images."""
    shade: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One true class."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One kind of mistake: `true` taken for `predicted`."""

    true: int
    predicted: int
    true_name: str
    predicted_name: str
    images: int
    share: float
    """Of the true class's images."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is shown of the confusion matrix."""

    rows: tuple[Row, ...]
    names: tuple[str, ...]
    """Of the columns."""
    pairs: tuple[Pair, ...]
    """The most frequent kinds of mistake, over all classes."""
    kinds: int
    """How many kinds of mistake there are in all."""
    whole: bool
    """Whether every class is in the matrix."""

    @property
    def cells(self) -> list[tuple[int, int]]:
        """The cells that hold images, mistakes first, the most frequent first."""
        held = {(c.true, c.predicted): c.images for row in self.rows for c in row.cells if c.images}
        held |= {(p.true, p.predicted): p.images for p in self.pairs}
        return sorted(held, key=lambda cell: (cell[0] == cell[1], -held[cell], cell))


def matrix(evaluation: Evaluation) -> Matrix:
    """The whole matrix, or that of the `MOST_CLASSES` classes with the most mistakes."""
    counts = evaluation.confusion
    chosen = _chosen(counts)
    totals = np.maximum(counts.sum(axis=1), 1)
    pairs, kinds = _pairs(evaluation)
    rows = tuple(
        Row(
            name=evaluation.classes[true],
            cells=tuple(
                _cell(counts, int(true), int(given), int(totals[true])) for given in chosen
            ),
        )
        for true in chosen
    )
    return Matrix(
        rows=rows,
        names=tuple(evaluation.classes[i] for i in chosen),
        pairs=pairs,
        kinds=kinds,
        whole=len(chosen) == len(evaluation.classes),
    )


def _chosen(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(counts) <= MOST_CLASSES:
        return np.arange(len(counts))
    mistakes = counts - np.diag(np.diag(counts))
    involved = mistakes.sum(axis=0) + mistakes.sum(axis=1)
    return np.sort(np.argsort(-involved, kind="stable")[:MOST_CLASSES])


def _cell(counts: NDArray[np.int64], true: int, given: int, total: int) -> Cell:
    images = int(counts[true, given])
    share = images / total
    # The root keeps rare mistakes visible beside the diagonal.
    level = min(9, int(10 * share**0.5)) if images else -1
    kind = "right" if true == given else "wrong"
    return Cell(
        true=true,
        predicted=given,
        images=images,
        share=percent(share),
        shade=f"{kind}{level}" if images else "none",
    )


def _pairs(evaluation: Evaluation) -> tuple[tuple[Pair, ...], int]:
    counts = evaluation.confusion.copy()
    np.fill_diagonal(counts, 0)
    true, given = np.nonzero(counts)
    order = np.argsort(-counts[true, given], kind="stable")[:MOST_PAIRS]
    totals = evaluation.confusion.sum(axis=1)
    return tuple(
        Pair(
            true=int(t),
            predicted=int(g),
            true_name=evaluation.classes[t],
            predicted_name=evaluation.classes[g],
            images=int(counts[t, g]),
            share=float(counts[t, g] / totals[t]),
        )
        for t, g in zip(true[order], given[order], strict=True)
    ), len(true)
