"""Images come in their order and in full batches, whatever reads them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.errors import DataError
from striate.inference.reading import batches_of, evaluated, grouped

PREPROCESSING = Preprocessing(resize=8, height=8, width=8, mean=(0.5,) * 3, std=(0.5,) * 3)


def make_images(sizes: list[tuple[int, int]]) -> ImageSet:
    random = np.random.default_rng(0)
    count = len(sizes)
    return ImageSet(
        classes=("one",),
        labels=np.zeros(count, np.int64),
        names=[f"train[{number}]" for number in range(count)],
        digests=[f"{number:032x}" for number in range(count)],
        sizes=np.array(sizes, np.int32),
        grey=np.zeros(count, np.bool_),
        pixels=[random.integers(0, 256, (*size, 3), np.uint8) for size in sizes],
    )


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 5, 8, 20, 64])
def test_batches_are_full_and_in_order(workers: int, batch_size: int) -> None:
    images = make_images([(9 + number % 4, 10) for number in range(43)])
    read = evaluated(images, PREPROCESSING)
    found = list(batches_of(images, read, batch_size=batch_size, workers=workers))
    assert [len(each) for each in found[:-1]] == [batch_size] * (
        43 // batch_size - (not 43 % batch_size)
    )
    expected = [PREPROCESSING.fit_image(images.read(number)) for number in range(43)]
    np.testing.assert_array_equal(np.concatenate(found), np.stack(expected))
    some = list(
        batches_of(images, read, indices=[40, 3, 3], batch_size=batch_size, workers=workers)
    )
    np.testing.assert_array_equal(np.concatenate(some), np.stack(expected)[[40, 3, 3]])


def test_an_empty_set_has_no_batch() -> None:
    images = make_images([])
    read = evaluated(images, PREPROCESSING)
    assert list(batches_of(images, read, batch_size=8, workers=2)) == []
    assert list(grouped([], 8)) == []


def test_whole_images_are_never_in_a_batch_with_others() -> None:
    images = make_images([(9, 10)] * 3 + [(10, 9)] + [(9, 10)] * 2)
    read = evaluated(images, PREPROCESSING, fit=False)
    found = list(batches_of(images, read, batch_size=2, workers=2))
    assert [each.shape[:3] for each in found] == [(2, 9, 10), (1, 9, 10), (1, 10, 9), (2, 9, 10)]
    np.testing.assert_array_equal(found[2][0], images.read(3))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_read_is_named_in_its_place(workers: int) -> None:
    images = make_images([(9, 10)] * 30)

    def read(index: int) -> np.ndarray:
        if index == 17:
            raise MemoryError("no room")
        return images.read(index)

    batches = batches_of(images, read, batch_size=8, workers=workers)
    assert [len(next(batches)) for _ in range(2)] == [8, 8]
    with pytest.raises(DataError, match=r"train\[17\]: no room"):
        next(batches)


def test_who_stops_leaves_no_thread() -> None:
    images = make_images([(9, 10)] * 300)
    before = threading.active_count()
    batches = batches_of(images, evaluated(images, PREPROCESSING), batch_size=8, workers=3)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before
