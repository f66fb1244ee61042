"""Confident learning, by its definition and on labels that were made wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.wrong_labels import Doubt, doubtful_labels, ranked


def made(images: int, classes: int, share: float) -> tuple[NDArray[np.float64], ...]:
    """Probabilities of a good network, labels of which a share is wrong, and which ones."""
    random = np.random.default_rng(4)
    true = random.integers(0, classes, images)
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), true] += 4
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong = random.random(images) < share
    moved = (true + random.integers(1, classes, images)) % classes
    return shares, np.where(wrong, moved, true), wrong


def test_by_the_definition_image_by_image() -> None:
    shares, labels, _ = made(300, 4, 0.1)
    thresholds = [shares[labels == j, j].mean() for j in range(4)]
    right = []
    for image, (row, label) in enumerate(zip(shares, labels, strict=True)):
        believed = [j for j in range(4) if row[j] >= thresholds[j]]
        if believed and row.argmax() != label:
            other = max(believed, key=lambda j: row[j])
            if other != label:
                right.append((row[label] - row[other], image, other, thresholds[other]))
    found = doubtful_labels(shares, labels)
    assert [(each.image, each.other) for each in found] == [
        (image, other) for _, image, other, _ in sorted(right)
    ]
    for each, (margin, *_, threshold) in zip(found, sorted(right), strict=True):
        assert each.label_probability - each.other_probability == margin
        np.testing.assert_allclose(each.threshold, threshold)


def test_labels_that_were_made_wrong_are_found() -> None:
    shares, labels, wrong = made(1000, 5, 0.05)
    found = [each.image for each in doubtful_labels(shares, labels)]
    assert wrong[found].mean() > 0.9
    assert wrong[found].sum() > 0.6 * wrong.sum()
    assert wrong[found[:20]].all()


def test_a_class_without_images_is_believed_of_none() -> None:
    shares = np.array([[0.1, 0.0, 0.9], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert doubtful_labels(shares, np.array([0, 0, 1])) == []
    assert doubtful_labels(np.empty((0, 3)), np.empty(0, np.int64)) == []


def test_similar_images_speak_as_loudly_as_probabilities() -> None:
    def doubt(image: int, own: float, other: float) -> Doubt:
        return Doubt(
            image=image,
            label=0,
            other=1,
            label_probability=own,
            other_probability=other,
            threshold=0.5,
        )

    doubts = [doubt(3, 0.1, 0.9), doubt(5, 0.2, 0.8), doubt(7, 0.3, 0.7)]
    nearby = np.array([[0, 0, 0, 2], [1, 1, 1, 1], [1, 1, 0, 0]])
    order = ranked(doubts, nearby)
    assert [each.image for each, _ in order] == [5, 7, 3]
    assert order[0][1].tolist() == [1, 1, 1, 1]
    unknown = ranked(doubts, np.empty((3, 0), np.int64))
    assert [each.image for each, _ in unknown] == [3, 5, 7]
