"""Batches at another size than the network is used at, and epochs that are no whole pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate.data.augmentation.settings import Augmentation
from striate.data.batch import Batch
from striate.data.decoding.decode import digest_of
from striate.data.images import ImageSet
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing

MEANS = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3)}
CROPPED = Preprocessing(resize=40, height=32, width=32, **MEANS)
PADDED = Preprocessing(fit="pad", resize=32, height=32, width=32, fill=9, **MEANS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Smooth pictures above 64 pixels, of several shapes."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    found = []
    for number in range(20):
        blobs = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        width, height = rng.integers(70, 120, 2).tolist()
        found.append(folder / f"{number}.png")
        blobs.resize((width, height), Image.Resampling.BICUBIC).save(found[-1])
    return found


def image_set(paths: list[Path], *, held: bool) -> ImageSet:
    """The pictures from their files, or shrunk to 24 x 20 pixels in memory."""
    pictures = [Image.open(path) for path in paths]
    small = np.stack([np.asarray(picture.resize((24, 20))) for picture in pictures])
    sizes = np.array([picture.size[::-1] for picture in pictures], np.int32)
    return ImageSet(
        classes=("a", "b"),
        labels=np.arange(len(paths), dtype=np.int64) % 2,
        names=[path.name for path in paths],
        digests=[digest_of(path.read_bytes()) for path in paths],
        sizes=np.full_like(sizes, (20, 24)) if held else sizes,
        grey=np.zeros(len(paths), bool),
        pixels=small if held else None,
        paths=None if held else paths,
    )


def loader(images: ImageSet, preprocessing: Preprocessing, *, workers: int = 0, **chance: object):
    augmentation = Augmentation(**{"crop": "none", "horizontal_flip": False} | chance)
    return Loader(
        images, preprocessing, augmentation, batch_size=8, seed=5, workers=workers,
        shuffle=True, drop_last=True,
    )  # fmt: skip


def whole(batches: object) -> tuple[torch.Tensor, torch.Tensor]:
    found: list[Batch] = list(batches)
    return torch.cat([each.inputs() for each in found]), torch.cat([b.indices for b in found])


@pytest.mark.parametrize("held", [False, True], ids=["files", "memory"])
@pytest.mark.parametrize("preprocessing", [CROPPED, PADDED], ids=["crop", "pad"])
@pytest.mark.parametrize("crop", ["none", "padded", "resized", "corner"])
def test_a_smaller_batch_shows_the_same_parts_of_the_same_images(
    pictures: list[Path], crop: str, preprocessing: Preprocessing, held: bool
) -> None:
    images = image_set(pictures, held=held)
    chance = {"crop": crop, "sizes": (36, 60), "horizontal_flip": True, "padding": 4}
    large, indices = whole(loader(images, preprocessing, **chance).batches(3))
    small, again = whole(loader(images, preprocessing, **chance).batches(3, size=(16, 16)))
    assert small.shape == (16, 3, 16, 16)
    assert torch.equal(indices, again)
    shrunk = torch.nn.functional.interpolate(large, (16, 16), mode="area")
    # The same crop of smooth pictures at half the size, but for rounding to whole pixels, differs
    # from it by less than other crops of the same images do.
    other, _ = whole(loader(images, preprocessing, **chance).batches(5, size=(16, 16)))
    near = (shrunk - small).abs().mean()
    assert near < 0.2
    if crop in ("resized", "corner"):
        far = (other[indices.argsort()] - small[indices.argsort()]).abs().mean()
        assert near < 0.4 * far


@pytest.mark.parametrize("crop", ["padded", "resized", "corner"])
def test_workers_and_where_one_starts_change_nothing(pictures: list[Path], crop: str) -> None:
    chance = {"crop": crop, "sizes": (36, 60), "erasing": 0.5, "mixup": 0.2, "cutmix": 1.0}
    images = image_set(pictures, held=False)
    options = {"stop": 5, "size": (24, 24)}
    alone, order = whole(loader(images, CROPPED, **chance).batches(2, **options))
    helped, same = whole(loader(images, CROPPED, workers=3, **chance).batches(2, **options))
    late, _ = whole(loader(images, CROPPED, workers=2, **chance).batches(2, 3, **options))
    assert torch.equal(alone, helped)
    assert torch.equal(order, same)
    assert torch.equal(alone[24:], late)


def test_an_epoch_of_more_than_a_pass_goes_on_in_another_order(pictures: list[Path]) -> None:
    """Two steps make a pass: five are two passes and a half, each without an image twice."""
    batches = loader(image_set(pictures, held=True), CROPPED, horizontal_flip=True)
    assert batches.steps == 2
    one, indices = whole(batches.batches(4))
    more, longer = whole(batches.batches(4, stop=5))
    assert torch.equal(one, more[:16])
    assert torch.equal(indices, longer[:16])
    assert len(set(longer[16:32].tolist())) == 16
    assert longer[16:32].tolist() != indices.tolist()
    # In the second pass those that were flipped are not, and the other way round.
    twice = [k for k in range(16, 32) if longer[k] in indices]
    for k in twice:
        first = more[indices.tolist().index(int(longer[k]))]
        assert torch.equal(first.flip(-1), more[k])
    short, fewer = whole(batches.batches(4, stop=1))
    assert torch.equal(short, one[:8])
    assert len(fewer) == 8


def test_pixels_of_the_settings_scale_with_the_size() -> None:
    settings = Augmentation(sizes=(256, 480), padding=4)
    half = settings.scaled((112, 112), (224, 224))
    assert (half.sizes, half.padding) == ((128, 240), 2)
    assert settings.scaled((224, 224), (224, 224)) is settings
    # What is cut must be there, however the shares are rounded.
    assert Augmentation(sizes=(225, 225)).scaled((113, 113), (225, 225)).sizes == (113, 113)
