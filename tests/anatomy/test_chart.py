"""The picture of accuracy against costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import striate
from striate.anatomy.show.chart import check_picture, draw, place, write_picture
from striate.errors import NetworkError


def test_a_picture_names_what_nobody_published(tmp_path: Path) -> None:
    found = striate.compare(["vgg16", "resnet50", "googlenet", "lenet"])
    picture = tmp_path / "costs.svg"
    write_picture(found, picture)
    assert "nothing published on it: lenet" in picture.read_text("utf-8").lower()
    with pytest.raises(NetworkError, match=r"pictures are SVG files; give .*costs.svg"):
        check_picture(tmp_path / "costs.png")
    with pytest.raises(NetworkError, match="cannot be written"):
        check_picture(tmp_path / "no" / "costs.svg")
    with pytest.raises(NetworkError, match="no error is published"):
        draw(striate.compare([nn.Conv2d(3, 4, 3)], size=8))


def test_names_on_the_picture_do_not_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (
        "vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn resnet34 resnet50 resnet101"
    )
    names = [*names.split(), "resnet50_v1_5", "googlenet", "googlenet_bn"]
    boxes: list[tuple[float, float, float, float]] = []

    def noting(points):  # type: ignore[no-untyped-def]
        labels = place(points)
        boxes.extend(label.box for label in labels)
        return labels

    monkeypatch.setattr("striate.anatomy.show.chart.place", noting)
    svg = draw(striate.compare(names))
    assert len(boxes) == len(names)
    for at, one in enumerate(boxes):
        assert 0 <= one[0] <= one[2] <= 960
        for other in boxes[:at]:
            apart = (
                one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            )
            assert apart
    assert svg.count("<circle") >= 2 * len(names)
