"""Maps to boxes, against the formulas written out for one number after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from striate.detection.decode import candidates, decode
from striate.zoo.yolo_head import SizeRule, YOLOHead

CLASSES = 2


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def written_out(numbers: torch.Tensor, head: YOLOHead) -> list[list[float]]:
    _, _, rows, columns = numbers.shape
    found = []
    for row in range(rows):
        for column in range(columns):
            for index, (wide, high) in enumerate(head.anchors):
                first = index * (5 + CLASSES)
                tx, ty, tw, th, to, *tc = numbers[0, first : first + 7, row, column].tolist()
                x = (column + head.scale * sigmoid(tx) - (head.scale - 1) / 2) / columns
                y = (row + head.scale * sigmoid(ty) - (head.scale - 1) / 2) / rows
                sizes = [
                    math.exp(t) if head.sizes == "exponential" else (2 * sigmoid(t)) ** 2
                    for t in (tw, th)
                ]
                w = sizes[0] * wide / (columns * head.stride)
                h = sizes[1] * high / (rows * head.stride)
                scores = [sigmoid(to) * sigmoid(t) for t in tc]
                found.append([x, y, w, h, sigmoid(to), *scores])
    return found


@pytest.mark.parametrize("sizes", ["exponential", "squared"])
def test_the_formulas(sizes: SizeRule) -> None:
    heads = [
        YOLOHead(8, ((12, 16), (19, 36), (40, 28)), 1.2, sizes),
        YOLOHead(32, ((142, 110),), 1.05, sizes),
    ]
    torch.manual_seed(1)
    maps = [torch.randn(1, 3 * 7, 4, 6), torch.randn(1, 7, 1, 2)]
    found = decode(maps, heads)
    wanted = [
        row for each, head in zip(maps, heads, strict=True) for row in written_out(each, head)
    ]
    assert found.shape == (1, 4 * 6 * 3 + 2, 7)
    assert torch.allclose(found[0], torch.tensor(wanted), atol=1e-6)


def test_several_pictures_are_decoded_as_each_alone() -> None:
    head = YOLOHead(16, ((10, 14), (23, 27)))
    maps = torch.randn(3, 14, 2, 3)
    alone = torch.cat([decode([each[None]], [head]) for each in maps])
    assert torch.equal(decode([maps], [head]), alone)


def test_a_box_answers_for_every_class_above_the_threshold() -> None:
    rows = np.array(
        [
            [0.5, 0.5, 0.2, 0.4, 0.9, 0.6, 0.3],
            [0.1, 0.1, 0.1, 0.1, 0.25, 0.25, 0.25],  # not above it
            [0.2, 0.3, 0.2, 0.2, 0.8, 0.1, 0.7],
        ],
        np.float32,
    )
    found = candidates(rows, 0.25)
    assert found.classes.tolist() == [0, 1, 1]
    assert found.scores.tolist() == pytest.approx([0.6, 0.3, 0.7])
    assert found.xyxy[0].tolist() == pytest.approx([0.4, 0.3, 0.6, 0.7])
