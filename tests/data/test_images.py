"""Sets of images: what is read is what was looked at, whoever reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding.decode import ImageError, digest_of
from striate.data.images import ImageSet
from striate.data.joining import joined
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.data.statistics import channel_statistics
from striate.data.targets import Target
from striate.errors import DataError

PREPROCESSING = Preprocessing(resize=32, height=32, width=32, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """Four pictures in files, larger than those that are held in memory."""
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(0, 256, (80, 90, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return ImageSet(
        classes=("a", "b"),
        labels=np.array([0, 1, 0, 1]),
        names=[path.name for path in paths],
        digests=[digest_of(path.read_bytes()) for path in paths],
        sizes=np.full((4, 2), (80, 90), np.int32),
        grey=np.zeros(4, np.bool_),
        paths=paths,
    )


def loaded(images: ImageSet, workers: int = 0) -> None:
    loader = Loader(images, PREPROCESSING, None, batch_size=4, shuffle=False, workers=workers)
    list(loader.batches(0))


READERS: dict[str, Callable[[ImageSet], object]] = {
    "one": lambda images: images.read(2),
    "training": loaded,
    "training on threads": lambda images: loaded(images, workers=2),
    "statistics": lambda images: channel_statistics(images, 3),
    "all at once": lambda images: images.in_memory(3),
}


@pytest.mark.parametrize("reader", READERS)
def test_an_image_that_changed_stops_whoever_reads_it(images: ImageSet, reader: str) -> None:
    READERS[reader](images)
    assert images.paths is not None
    images.paths[2].write_bytes(images.paths[1].read_bytes())  # sound, but another
    with pytest.raises(DataError, match=r"2\.png: has changed since .*; put it back as it was$"):
        READERS[reader](images)


@pytest.mark.parametrize("reader", READERS)
def test_an_image_that_is_gone_stops_with_how_to_go_on(images: ImageSet, reader: str) -> None:
    assert images.paths is not None
    images.paths[2].unlink()
    with pytest.raises(ImageError, match=r"2\.png: cannot be read .*; put it back") as caught:
        READERS[reader](images)
    assert caught.value.kind == "changed"


def test_what_became_a_pipe_is_not_waited_for(images: ImageSet) -> None:
    assert images.paths is not None
    images.paths[2].unlink()
    os.mkfifo(images.paths[2])
    with pytest.raises(ImageError, match=r"2\.png: is a named pipe, not a file; put it back"):
        images.read(2)


def test_a_file_put_back_is_read_again(images: ImageSet) -> None:
    assert images.paths is not None
    before, content = images.read(2), images.paths[2].read_bytes()
    images.paths[2].write_bytes(content[:-30])
    with pytest.raises(ImageError, match="has changed"):
        images.read(2)
    images.paths[2].write_bytes(content)
    assert (images.read(2) == before).all()


def test_numbers_stay_with_their_images(images: ImageSet) -> None:
    values = np.array([[1.5, 10], [2.5, 20], [3.5, 30], [4.5, 40]])
    aged = replace(
        images,
        classes=(),
        labels=np.zeros(4, np.int64),
        targets=(Target(name="age", unit="years"), Target(name="height", unit="cm")),
        values=values,
    )
    part = aged.subset([3, 1])
    whole = joined([part, aged.subset([0])], ())
    assert part.values is not None
    assert whole.values is not None
    assert part.values.tolist() == [[4.5, 40], [2.5, 20]]
    assert whole.values.tolist() == [[4.5, 40], [2.5, 20], [1.5, 10]]
    assert whole.targets == aged.targets
    assert whole.counts.shape == (0,)
    assert [whole.names[at] for at in range(3)] == ["3.png", "1.png", "0.png"]
