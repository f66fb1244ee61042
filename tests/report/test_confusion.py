from __future__ import annotations

import numpy as np

from striate.evaluation.metrics import Evaluation, measure
from striate.report.confusion import matrix


def evaluation(counts: np.ndarray) -> Evaluation:
    """An evaluation whose confusion matrix is `counts`."""
    classes = len(counts)
    true, given = np.nonzero(counts)
    labels = np.repeat(true, counts[true, given])
    named = np.repeat(given, counts[true, given])
    shares = np.full((len(labels), classes), 0.0, np.float32)
    shares[np.arange(len(labels)), named] = 1.0
    return measure(shares, labels, [f"c{i}" for i in range(classes)])


def test_every_cell_is_shown_with_its_count_and_share() -> None:
    counts = np.array([[8, 2, 0], [1, 9, 0], [0, 5, 0]])
    shown = matrix(evaluation(counts))
    assert shown.whole
    assert [[c.images for c in row.cells] for row in shown.rows] == counts.tolist()
    assert [row.name for row in shown.rows] == list(shown.names) == ["c0", "c1", "c2"]
    assert shown.rows[0].cells[0].shade == "right8"
    assert shown.rows[0].cells[1].shade == "wrong4"
    assert shown.rows[0].cells[2].shade == "none"
    assert shown.rows[2].cells[1].shade == "wrong9"
    assert [(p.true, p.predicted, p.images, p.share) for p in shown.pairs] == [
        (2, 1, 5, 1.0),
        (0, 1, 2, 0.2),
        (1, 0, 1, 0.1),
    ]
    assert shown.cells == [(2, 1), (0, 1), (1, 0), (1, 1), (0, 0)], "mistakes first, common first"


def test_of_many_classes_the_most_confused_are_shown() -> None:
    counts = np.eye(1000, dtype=int) * 3
    counts[700, 20] = 7
    counts[:300, 999] = 1
    shown = matrix(evaluation(counts))
    assert not shown.whole
    assert len(shown.rows) == len(shown.names) == 30
    assert {"c700", "c20", "c999"} <= set(shown.names)
    assert shown.kinds == 301
    assert len(shown.pairs) == 200
    assert (shown.pairs[0].true, shown.pairs[0].predicted) == (700, 20)


def test_without_mistakes_there_are_no_pairs() -> None:
    shown = matrix(evaluation(np.eye(4, dtype=int)))
    assert shown.pairs == ()
    assert shown.kinds == 0
    assert shown.cells == [(0, 0), (1, 1), (2, 2), (3, 3)]
