"""What X may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate.errors import DataError
from striate.sklearn.pictures import pictures_of


class Column:
    """A column or a table of pandas or polars, as far as images need one."""

    def __init__(self, values: object) -> None:
        self.values = values

    def to_numpy(self) -> np.ndarray:
        return np.asarray(self.values)


GREY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
COLOUR = np.arange(72, dtype=np.uint8).reshape(2, 3, 4, 3)


@pytest.mark.parametrize(
    "given",
    [
        COLOUR,
        COLOUR.tolist(),
        COLOUR.astype(np.int64),
        COLOUR / 255,
        (COLOUR / 255).astype(np.float16),
        torch.from_numpy(COLOUR).permute(0, 3, 1, 2),
        torch.from_numpy(COLOUR).permute(0, 3, 1, 2).float() / 255,
    ],
)
def test_numbers_of_every_kind_are_the_same_pixels(given: object) -> None:
    np.testing.assert_array_equal(pictures_of(given), COLOUR)


def test_grey_images_and_rows_of_a_table_have_one_channel() -> None:
    for given in (GREY, GREY.reshape(2, 12)):
        np.testing.assert_array_equal(pictures_of(given, (3, 4)), GREY[..., None])
    rows = Column(COLOUR.reshape(2, 36))
    np.testing.assert_array_equal(pictures_of(rows, [3, 4, 3]), COLOUR)


@pytest.mark.parametrize("column", [list, tuple, np.array, Column])
def test_files_come_in_any_column(column: type) -> None:
    assert pictures_of(column(["a.png", "b.png"])) == ["a.png", "b.png"]
    if column is Column:  # a table with one column
        assert pictures_of(column([["a.png"], ["b.png"]])) == ["a.png", "b.png"]


def test_files_and_images_may_be_mixed() -> None:
    mixed = [Path("a.png"), Image.fromarray(GREY[0]), COLOUR[0], torch.zeros(3, 3, 4), "b.png"]
    found = pictures_of(mixed)
    assert isinstance(found, list)
    assert all(a is b for a, b in zip(found, mixed, strict=True))


@pytest.mark.parametrize(
    ("given", "shape", "why"),
    [
        ("a.png", None, "is one image; give a list"),
        (GREY.reshape(2, 12), None, r"rows of numbers and no images; give images, or `shape`"),
        (GREY.reshape(2, 12), (3, 5), r"`shape=\(3, 5\)`: is of other images than rows of 12"),
        (COLOUR.reshape(2, 3, 6, 2), None, r"has the shape \(2, 3, 6, 2\); give \(images, height"),
        (np.zeros((0, 3, 4)), None, "no images"),
        (GREY * 30.0, None, r"holds float64 numbers from 0 to .*from 0 to 1 \(float32\)"),
        (GREY.astype(int) - 3, None, "numbers from -3 to 20"),
        (np.full((2, 3, 4), np.nan), None, "numbers from nan to nan"),
        ([None, "a.png"], None, "holds no images"),
        ([], None, "has the shape"),
    ],
)
def test_what_is_no_image_is_refused(given: object, shape: tuple[int, ...], why: str) -> None:
    with pytest.raises(DataError, match=why):
        pictures_of(given, shape)
