"""Batches are a function of seed, epoch and step: not of workers, of where one starts, of luck."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.data.augmentation.settings import Augmentation
from striate.data.batch import Batch
from striate.data.decoding.decode import digest_of
from striate.data.images import ImageSet
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.data.random import permutation
from striate.errors import DataError, RecipeError

EVERYTHING = Augmentation(
    crop="padded", brightness=0.4, contrast=0.4, saturation=0.4, pca=0.1, erasing=0.3,
    mixup=0.2, cutmix=1.0,
)  # fmt: skip
SMALL = Preprocessing(resize=16, height=16, width=16, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))
LARGE = Preprocessing(resize=40, height=32, width=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))


class Principal:
    eigenvalues = (0.01, 0.05, 0.2)
    eigenvectors = np.eye(3)


def image_set(n: int, sizes: Any, channels: int = 3, **fields: Any) -> ImageSet:
    """`n` random images; `sizes` is (height, width) or one for each image."""
    rng = np.random.default_rng(0)
    sizes = np.broadcast_to(np.array(sizes, np.int32), (n, 2))
    pixels = [rng.integers(0, 256, (h, w, channels), dtype=np.uint8) for h, w in sizes.tolist()]
    return ImageSet(
        classes=("a", "b", "c"),
        labels=np.arange(n, dtype=np.int64) % 3,
        names=[f"train[{k}]" for k in range(n)],
        digests=fields.pop("digests", None) or [str(k) for k in range(n)],
        sizes=sizes,
        grey=np.full(n, channels == 1),
        **{"pixels": np.stack(pixels) if len(np.unique(sizes, axis=0)) == 1 else pixels} | fields,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """Images above 64 pixels of several sizes, in files."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(1)
    sizes = [(int(h), int(w)) for h, w in rng.integers(50, 100, (30, 2))]
    paths = []
    for k, (height, width) in enumerate(sizes):
        paths.append(folder / f"{k}.png")
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(paths[-1])
    digests = [digest_of(path.read_bytes()) for path in paths]
    return image_set(30, sizes, pixels=None, paths=paths, digests=digests)


def loader(images: ImageSet, preprocessing: Preprocessing = SMALL, **options: Any) -> Loader:
    augmentation = options.pop("augmentation", EVERYTHING)
    settings = {"batch_size": 8, "seed": 5, "shuffle": True, "statistics": Principal()} | options
    return Loader(images, preprocessing, augmentation, **settings)


def same(one: Iterable[Batch], other: Iterable[Batch]) -> bool:
    """Whether two runs of batches are equal bit for bit, and not empty."""
    one, other = list(one), list(other)
    return (
        len(one) == len(other) > 0
        and all(torch.equal(a.inputs(), b.inputs()) for a, b in zip(one, other, strict=True))
        and all(torch.equal(a.labels, b.labels) for a, b in zip(one, other, strict=True))
        and all(torch.equal(a.indices, b.indices) for a, b in zip(one, other, strict=True))
        and all(
            x is y is None or torch.equal(x, y)
            for a, b in zip(one, other, strict=True)
            for x, y in zip(a.targets, b.targets, strict=True)
        )
    )


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("striate-loader")]


# --- determinism ---------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", ["padded", "resized", "corner", "none"])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_change_nothing(files: ImageSet, crop: str, workers: int) -> None:
    small = image_set(40, (16, 16))
    augmentation = Augmentation(crop=crop, sizes=(32, 48), erasing=0.5, mixup=0.2)
    for images, preprocessing in ((small, SMALL), (files, LARGE)):
        alone = loader(images, preprocessing, augmentation=augmentation)
        helped = loader(images, preprocessing, augmentation=augmentation, workers=workers)
        assert same(alone.batches(2), helped.batches(2))
        assert not same(alone.batches(2), helped.batches(3))
    assert threads() == []


@settings(max_examples=15, deadline=None)
@given(start=st.integers(0, 6), epoch=st.integers(0, 50), workers=st.sampled_from([0, 2]))
def test_starting_later_is_skipping(start: int, epoch: int, workers: int) -> None:
    whole = loader(image_set(50, (16, 16)))
    resumed = loader(image_set(50, (16, 16)), workers=workers)
    assert same(list(whole.batches(epoch))[start:], resumed.batches(epoch, start=start))


def test_starting_at_the_end_gives_nothing() -> None:
    whole = loader(image_set(50, (16, 16)), workers=2)
    assert list(whole.batches(0, start=whole.steps)) == []


@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(1, 30),
    crop=st.sampled_from(["padded", "resized", "corner", "none"]),
    seed=st.integers(0, 100),
)
def test_a_sample_does_not_know_its_batch(size: int, crop: str, seed: int) -> None:
    images = image_set(30, (20, 24))
    augmentation = Augmentation(crop=crop, sizes=(16, 20), brightness=0.3, pca=0.1, erasing=0.5)
    options = {"augmentation": augmentation, "seed": seed}
    reference = {}
    for batch in loader(images, batch_size=7, **options).batches(4):
        reference |= dict(zip(batch.indices.tolist(), batch.inputs(), strict=True))
    for batch in loader(images, batch_size=size, shuffle=False, **options).batches(4):
        for index, inputs in zip(batch.indices.tolist(), batch.inputs(), strict=True):
            # Matrix products of different sizes may round differently.
            assert torch.allclose(inputs, reference[index], atol=1e-5)


def test_the_order_is_the_epochs_permutation() -> None:
    images = image_set(50, (16, 16))
    order = torch.cat([batch.indices for batch in loader(images).batches(3)])
    assert order.tolist() == permutation(5, 3, 50).tolist()
    plain = torch.cat([batch.indices for batch in loader(images, shuffle=False).batches(3)])
    assert plain.tolist() == list(range(50))


# --- what a batch holds --------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_without_augmentation_images_are_those_of_the_preprocessing(
    files: ImageSet, workers: int
) -> None:
    plain = loader(files, LARGE, augmentation=None, shuffle=False, workers=workers)
    batches = list(plain.batches(0))
    assert [len(batch) for batch in batches] == [8, 8, 8, 6]
    for batch in batches:
        for index, image in zip(batch.indices.tolist(), batch.images, strict=True):
            assert (image.numpy() == LARGE.fit_image(files.read(index, 3))).all()
        inputs = batch.inputs()
        assert inputs.dtype == torch.float32
        assert inputs.shape == (len(batch), 3, 32, 32)
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(inputs, LARGE.normalise(batch.images))
        assert batch.labels.dtype == torch.int64
        assert batch.labels.tolist() == files.labels[batch.indices].tolist()
        assert batch.targets == (batch.labels, None, None)


def test_every_option_at_once_stays_channels_last_and_leaves_the_bytes_alone() -> None:
    images = image_set(16, (16, 16))
    for batch in loader(images).batches(0):
        before = batch.images.clone()
        first = batch.inputs()
        assert first.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(first, batch.inputs())
        assert torch.equal(batch.images, before)
        labels, other, weight = batch.targets
        assert other is not None
        assert weight is not None
        assert set(other.tolist()) <= set(labels.tolist())
        assert ((weight >= 0) & (weight <= 1)).all()


def test_images_in_memory_are_never_changed() -> None:
    images = image_set(20, (16, 16))
    before = np.array(images.pixels)
    for workers in (0, 2):
        for crop in ("none", "padded", "resized"):
            augmentation = Augmentation(crop=crop)
            list(loader(images, augmentation=augmentation, workers=workers).batches(0))
    assert (images.pixels == before).all()


@pytest.mark.parametrize("crop", ["none", "padded", "resized", "corner"])
def test_where_images_are_padded_crops_begin_at_the_padded_image(crop: str) -> None:
    preprocessing = Preprocessing(
        fit="pad", resize=12, height=16, width=16, channels=1, fill=200, mean=(0.5,), std=(0.5,)
    )
    images = image_set(12, [(10 + k, 12) for k in range(12)], channels=1)
    augmentation = Augmentation(crop=crop, scale=(1, 1), ratio=(1, 1), sizes=(16, 16), padding=0)
    got = next(loader(images, preprocessing, augmentation=augmentation, batch_size=12).batches(0))
    for index, image in zip(got.indices.tolist(), got.images.numpy(), strict=True):
        fitted = preprocessing.fit_image(images.read(index, 1))
        assert (image == fitted).all() or (image == fitted[:, ::-1]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_coloured_sets_take_either_number_of_channels(channels: int) -> None:
    preprocessing = Preprocessing(
        resize=16, height=16, width=16, channels=channels, mean=(0.5,) * channels,
        std=(0.5,) * channels,
    )  # fmt: skip
    augmentation = Augmentation(brightness=0.2, contrast=0.2, saturation=0.2, erasing=0.5)
    for stored in (1, 3):
        images = image_set(9, (16, 16), channels=stored)
        for batch in loader(images, preprocessing, augmentation=augmentation).batches(0):
            assert batch.inputs().shape == (len(batch), channels, 16, 16)


# --- steps and sharing ---------------------------------------------------------------------------


@given(
    n=st.integers(1, 60),
    size=st.integers(1, 20),
    world=st.integers(1, 5),
    shuffle=st.booleans(),
    drop=st.booleans(),
)
def test_processes_share_each_batch_and_together_cover_it_once(
    n: int, size: int, world: int, shuffle: bool, drop: bool
) -> None:
    if shuffle and min(n, size) < world:
        return
    images = image_set(n, (16, 16))
    options = {"batch_size": size, "shuffle": shuffle, "drop_last": drop, "augmentation": None}
    ranks = [loader(images, rank=rank, world=world, **options) for rank in range(world)]
    if shuffle:
        assert len({rank.steps for rank in ranks}) == 1
        assert ranks[0].steps >= 1
    seen = [[batch.indices.tolist() for batch in rank.batches(1)] for rank in ranks]
    assert [len(batches) for batches in seen] == [rank.steps for rank in ranks]
    if shuffle:
        for step in range(ranks[0].steps):
            shares = [len(batches[step]) for batches in seen]
            assert max(shares) - min(shares) <= 1
            assert min(shares) >= 1
            one = permutation(5, 1, n)[step * size : (step + 1) * size].tolist()
            assert [index for batches in seen for index in batches[step]] == one
    together = sorted(index for batches in seen for batch in batches for index in batch)
    if not shuffle and not drop:
        assert together == list(range(n))
    assert len(set(together)) == len(together)
    if drop:
        assert len(together) == (n // size * size if n >= size else n)


def test_a_set_smaller_than_the_batch_makes_one_batch() -> None:
    few = loader(image_set(5, (16, 16)), batch_size=64, drop_last=True)
    assert few.steps == 1
    assert [len(batch) for batch in few.batches(0)] == [5]


def test_an_empty_set_has_no_batches() -> None:
    empty = image_set(3, (16, 16)).subset([])
    assert list(loader(empty, shuffle=False, augmentation=None).batches(0)) == []


def test_more_processes_than_images_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="batch of 2 images: cannot be shared out among 3"):
        loader(image_set(2, (16, 16)), world=3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 0}, "batch_size = 0"),
        ({"workers": -1}, "workers = -1"),
        ({"augmentation": Augmentation(crop="corner", sizes=(12, 20))}, "16 pixels"),
        ({"statistics": None}, "pca"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    options: dict[str, Any], text: str
) -> None:
    with pytest.raises(RecipeError, match=text):
        loader(image_set(4, (16, 16)), **options)


# --- threads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "break", "exception"])
def test_leaving_early_leaves_no_thread(files: ImageSet, how: str) -> None:
    many = loader(files, LARGE, batch_size=2, workers=3)
    batches = many.batches(0)
    next(batches)
    assert threads()
    if how == "close":
        batches.close()
    elif how == "break":
        del batches
        for _ in many.batches(0):
            break
    else:
        del batches
        with contextlib.suppress(KeyboardInterrupt):
            for _ in many.batches(0):
                raise KeyboardInterrupt
    assert threads() == []


def test_only_a_few_batches_are_prepared_ahead(files: ImageSet, monkeypatch: Any) -> None:
    read = []
    plain = ImageSet.reading
    monkeypatch.setattr(
        ImageSet, "reading", lambda self, index, *_: (read.append(index), plain(self, index))[1]
    )
    batches = loader(files, LARGE, batch_size=2, workers=2).batches(0)
    next(batches)
    batches.close()
    assert len(read) <= 8


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_has_gone_is_named_in_its_own_step(
    files: ImageSet, tmp_path: Path, workers: int
) -> None:
    gone = tmp_path / "gone.png"
    assert files.paths is not None
    paths = [*files.paths[:20], gone, *files.paths[21:]]
    broken = image_set(30, files.sizes, pixels=None, paths=paths, digests=files.digests)
    batches = loader(broken, LARGE, shuffle=False, workers=workers).batches(0)
    assert len(next(batches)) == len(next(batches)) == 8
    with pytest.raises(DataError, match=r"gone\.png"):
        next(batches)
    assert threads() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_any_failure_in_a_thread_names_the_file(
    files: ImageSet, monkeypatch: Any, workers: int
) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageSet, "reading", fail)
    with pytest.raises(DataError, match=r"\d+\.png: MemoryError"):
        next(loader(files, LARGE, workers=workers).batches(0))


@pytest.mark.parametrize("crop", ["none", "resized"])
def test_every_image_is_turned_round_in_every_second_epoch(crop: str) -> None:
    """Bright on its left: which way an image looks can be seen in any crop."""
    ramp = np.linspace(255, 0, 16).astype(np.uint8)
    pixels = np.broadcast_to(ramp[None, None, :, None], (200, 16, 16, 3)).copy()
    images = image_set(200, (16, 16), pixels=pixels)
    augmentation = Augmentation(crop=crop, horizontal_flip=True)
    turned = []
    for epoch in range(4):
        ways = np.zeros(200, bool)
        for batch in loader(images, augmentation=augmentation).batches(epoch):
            seen = batch.images.numpy().astype(int)
            ways[batch.indices.numpy()] = seen[:, :, 0].sum((1, 2)) < seen[:, :, -1].sum((1, 2))
        turned.append(ways)
    assert 0.35 < turned[0].mean() < 0.65
    for epoch in range(3):
        assert (turned[epoch] != turned[epoch + 1]).all()


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", ["none", "padded"])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sizes", [(16, 16), (20, 24), None])
def test_small_pictures_for_a_large_network_are_fitted_batch_by_batch(
    monkeypatch: Any, sizes: Any, workers: int, crop: str
) -> None:
    images = image_set(20, sizes or [(10 + k, 12) for k in range(20)])
    augmentation = Augmentation(crop=crop, erasing=0.5)
    at_once = loader(images, LARGE, augmentation=augmentation)
    expected = list(at_once.batches(1))
    assert at_once._held is not None
    assert at_once._held.block.flat.size == 20 * 32 * 32 * 3
    monkeypatch.setattr("striate.data.loader.MOST_FITTED", 20 * 32 * 32 * 3 - 1)
    late = loader(images, LARGE, augmentation=augmentation, workers=workers)
    assert same(expected, late.batches(1))
    assert late._held is not None
    assert sum(image.nbytes for image in late._held) < 20 * 32 * 32 * 3


def test_pictures_that_have_the_networks_size_are_held_as_they_are(monkeypatch: Any) -> None:
    monkeypatch.setattr("striate.data.loader.MOST_FITTED", 0)
    images = image_set(20, (16, 16))
    exact = loader(images)
    list(exact.batches(0))
    assert exact._held is not None
    assert np.shares_memory(exact._held.block.flat, images.pixels)
    assert not exact._fits_late
