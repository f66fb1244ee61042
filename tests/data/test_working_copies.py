"""Copies of photographs give the same pixels wherever and whenever they are made."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from striate.data.augmentation.crops import resized_crop
from striate.data.augmentation.settings import NOTHING, Augmentation
from striate.data.contents import ReadSettings, read_contents
from striate.data.images import Array, ImageSet
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.data.statistics import Moments, channel_statistics
from striate.data.working_copies import shrink
from striate.data.working_copies.copies import WorkingCopies
from striate.data.working_copies.fitted import FittedImages
from striate.data.working_copies.made import Made
from striate.data.working_copies.shrink import is_much_larger, side_for
from striate.data.working_copies.store import SUFFIX, Store
from striate.errors import DataError

SIDE = 64
MEMORY = 1 << 24
#: A network that takes so little that images of a few hundred pixels are large for it.
SMALL = Preprocessing(resize=20, height=16, width=16, mean=(0.5,) * 3, std=(0.25,) * 3)


def scene(seed: int, height: int, width: int) -> Image.Image:
    """Blobs of colour with some grain."""
    random = np.random.default_rng(seed)
    blobs = random.integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC))
    grain = random.normal(0, 6, (height, width, 1))
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def wide16(picture: Image.Image) -> bytes:
    """A grey PNG of 16 bits."""
    levels = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    held = io.BytesIO()
    Image.fromarray(levels).save(held, "PNG")
    return held.getvalue()


def rotated(picture: Image.Image) -> bytes:
    """A JPEG that is to be turned by its EXIF orientation."""
    exif, held = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    picture.save(held, "JPEG", quality=92, exif=exif)
    return held.getvalue()


def saved(picture: Image.Image, form: str, mode: str) -> bytes:
    held = io.BytesIO()
    picture.convert(mode).save(held, form)
    return held.getvalue()


#: Everything that a photograph may be.
KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "plain.jpg": lambda picture: saved(picture, "JPEG", "RGB"),
    "grey 'quoted'.jpg": lambda picture: saved(picture, "JPEG", "L"),
    "cmyk <b>.jpg": lambda picture: saved(picture, "JPEG", "CMYK"),
    "turned 玫瑰.jpg": rotated,
    "clear.png": lambda picture: saved(picture, "PNG", "RGBA"),
    "sixteen.png": wide16,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of photographs of every kind, and one small image each."""
    for number, name in enumerate(("here", "there")):
        where = tmp_path / "photos" / name
        where.mkdir(parents=True)
        for kind, (file, make) in enumerate(KINDS.items()):
            picture = scene(10 * number + kind, 240 + 10 * kind, 300)
            (where / file).write_bytes(make(picture))
        scene(number + 5, 70, 90).save(where / "small.png")
    return tmp_path / "photos"


@pytest.fixture
def copies(tmp_path: Path) -> Callable[..., WorkingCopies]:
    """Makes working copies in the same cache each time."""

    def make(place: str = "auto", cache: Path | None = tmp_path / "cache") -> WorkingCopies:
        return WorkingCopies(SIDE, cache, place=place, memory=MEMORY)  # type: ignore[arg-type]

    return make


def images_of(folder: Path, made: Made | None = None) -> ImageSet:
    """Every image of both classes."""
    visitors = () if made is None else made.visitors
    found = read_contents(folder, ReadSettings(workers=2, visitors=visitors))
    return replace(found.sets["train"], made=made)


def read_all(copies: WorkingCopies, images: ImageSet) -> list[Array]:
    found = []
    for index in range(len(images)):
        with copies.reading(images, index, 3) as image:
            found.append(image.copy())
    return found


def same(one: list[Array], other: list[Array]) -> bool:
    return all((a == b).all() for a, b in zip(one, other, strict=True))


# --- which images have copies, and how large these are --------------------------------------------


@pytest.mark.parametrize(
    ("size", "settings", "side"),
    [
        (128, Augmentation(), 448),
        (224, Augmentation(), 832),  # 784, rounded up
        (128, Augmentation(scale=(0.02, 1.0)), 896),  # the smallest crop has half the sides
        (128, Augmentation(scale=(0.25, 1.0)), 448),
        (224, Augmentation(crop="corner", sizes=(256, 1000)), 1024),
        (224, Augmentation(crop="padded"), 0),
        (224, NOTHING, 0),
        (32, Augmentation(), 0),  # padded
    ],
)
def test_the_smallest_crop_is_sharp(size: int, settings: Augmentation, side: int) -> None:
    preprocessing = Preprocessing(resize=size, height=size, width=size, mean=(0,) * 3, std=(1,) * 3)
    assert side_for(preprocessing, settings) == side
    padded = replace(preprocessing, fit="pad")
    assert side_for(padded, settings) == 0


def test_what_is_little_larger_has_no_copy() -> None:
    assert not is_much_larger((96, 5000), 64)
    assert is_much_larger((97, 97), 64)


def test_a_strip_whose_copy_no_jpeg_could_hold_has_none(tmp_path: Path) -> None:
    copies = WorkingCopies(448, tmp_path, place="disk", memory=0)
    for length, kept in ((102_343, True), (102_345, False)):
        copies.visit(f"{length:032x}", np.zeros((700, length, 1), np.uint8))
        assert (f"{length:032x}" in copies.store) == kept


def test_a_copy_is_near_to_its_photograph() -> None:
    whole = np.asarray(scene(3, 1200, 1600))
    copy = shrink.decoded(shrink.encoded(whole, 448))
    assert copy.shape == (448, 597, 3)
    draws = np.random.default_rng(0).random((20, 22)).tolist()
    crops = [np.stack([_crop(image, draw) for draw in draws]) for image in (copy, whole)]
    error = np.mean((crops[0].astype(np.float64) - crops[1]) ** 2)
    assert 10 * np.log10(255**2 / error) > 34, "decibels: mostly grain, which the crops blur too"


def _crop(image: Array, draws: list[float]) -> Image.Image:
    return resized_crop(image, (128, 128), draws, (0.08, 1.0), (3 / 4, 4 / 3))


# --- where they are kept --------------------------------------------------------------------------


def test_the_check_makes_what_an_epoch_would_make(
    folder: Path, copies: Callable[..., WorkingCopies], tmp_path: Path
) -> None:
    images = images_of(folder)
    late = read_all(copies(), images)
    shapes = {min(image.shape[:2]) for image in late}
    assert shapes == {SIDE, 70}, "all but the small ones have copies"
    shutil.rmtree(tmp_path / "cache")
    early = copies()
    seen = images_of(folder, Made(copies=early))
    assert list(seen.digests) == list(images.digests)
    assert len(list((tmp_path / "cache").rglob(f"*{SUFFIX}"))) >= len(early.indices(images))
    assert same(read_all(early, images), late)
    assert same(read_all(copies("memory"), images), late)
    assert same(read_all(copies("disk", None), images), late), "made anew each time"


def test_grey_stays_grey_and_turned_is_upright(
    folder: Path, copies: Callable[..., WorkingCopies]
) -> None:
    images, own = images_of(folder), copies()
    for index, name in enumerate(images.names):
        with own.reading(images, index, 3) as copy:
            height, width = images.sizes[index].tolist()
            assert (copy.shape[0] < copy.shape[1]) == (height < width), name
            if images.grey[index]:
                assert (copy == copy[:, :, :1]).all(), name
            with images.reading(index, 3) as whole:
                wanted = Image.fromarray(whole).resize(copy.shape[1::-1], Image.Resampling.BOX)
        assert np.abs(np.asarray(wanted, np.float64) - copy).mean() < 6, name


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-7]),
        lambda file: file.write_bytes(file.read_bytes()[:400] + b"!" + file.read_bytes()[401:]),
        lambda file: shutil.rmtree(file.parents[1]),
    ],
    ids=["deleted", "empty", "cut", "altered", "all removed"],
)
def test_what_was_harmed_is_made_anew(
    folder: Path,
    copies: Callable[..., WorkingCopies],
    tmp_path: Path,
    harm: Callable[[Path], object],
) -> None:
    own = copies()
    images = images_of(folder, Made(copies=own))
    before = read_all(own, images)
    for file in sorted((tmp_path / "cache").rglob(f"*{SUFFIX}")):
        if file.exists():
            harm(file)
    assert same(read_all(own, images), before)
    # What was made anew is kept again: the photographs are not needed any more.
    for path in images.paths or ():
        if path.name != "small.png":
            path.unlink()
    assert same(read_all(copies(), images), before)


def test_a_full_disk_costs_memory_and_then_time(
    folder: Path, copies: Callable[..., WorkingCopies], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = images_of(folder)
    wanted = read_all(copies("memory"), images)
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr("striate.data.working_copies.store.shutil.disk_usage", lambda _: usage)
    own = copies()
    assert same(read_all(own, images), wanted)
    assert "disk is full" in own.store.trouble
    assert not own.store.full
    assert own.news().startswith("working copies are held in memory: ")
    assert not own.news(), "once is enough"
    alone = copies("disk")
    assert not alone.has_room_for(images)
    assert same(read_all(alone, images), wanted)
    assert alone.store.full
    assert "made anew in every epoch" in alone.news()


def test_a_folder_that_cannot_be_made_is_no_error(
    folder: Path, copies: Callable[..., WorkingCopies], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    own = copies(cache=tmp_path / "file")
    images = images_of(folder, Made(copies=own))
    assert same(read_all(own, images), read_all(copies("memory"), images))
    assert own.store.trouble


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, {"a": 1}, {}, memory=3)
    store.put("ab" * 16, b"whole")

    def fail(self: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "replace", fail)
    store.put("cd" * 16, b"lost")
    monkeypatch.undo()
    assert store.full
    assert "Input/output error" in store.trouble
    assert store.get("ab" * 16) == b"whole"
    assert store.get("cd" * 16) is None
    assert [file.name for file in tmp_path.rglob("*.part")] == []


WRITER = """
import sys
from pathlib import Path
from striate.data.working_copies.store import Store
store = Store(Path(sys.argv[1]), {"a": 1}, {}, memory=0)
print("ready", flush=True)
while True:
    for number in range(200):
        store.put(f"{number:032x}", bytes([number]) * 50_000)
"""


def test_two_processes_and_a_kill_leave_whole_files(tmp_path: Path) -> None:
    both = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    own = Store(tmp_path, {"a": 1}, {}, memory=0)
    try:
        for process in both:
            assert process.stdout is not None
            process.stdout.readline()
        found = 0
        while found < 200:
            for number in range(200):
                content = own.get(f"{number:032x}")
                assert content in (None, bytes([number]) * 50_000)
                found += content is not None
    finally:
        for process in both:
            process.kill()
            process.wait()
    for number in range(200):
        assert own.get(f"{number:032x}") in (None, bytes([number]) * 50_000)


# --- what is made of them -------------------------------------------------------------------------


def batches(images: ImageSet, workers: int) -> list[Array]:
    loader = Loader(
        images, SMALL, Augmentation(crop="resized"), batch_size=4, workers=workers, shuffle=True
    )
    return [batch.images.numpy() for epoch in range(2) for batch in loader.batches(epoch)]


def test_an_epoch_does_not_depend_on_where_copies_come_from(
    folder: Path, copies: Callable[..., WorkingCopies], tmp_path: Path
) -> None:
    images = images_of(folder)
    of_photographs = batches(images, 0)
    first = copies()
    early = images_of(folder, Made(copies=first))
    wanted = batches(early, 0)
    assert not same(wanted, of_photographs)
    assert same(batches(early, 3), wanted)
    shutil.rmtree(tmp_path / "cache")
    assert same(batches(early, 2), wanted)
    assert same(batches(images_of(folder, Made(copies=copies("memory"))), 1), wanted)


def test_what_is_measured_is_exact(folder: Path, tmp_path: Path) -> None:
    images = images_of(folder)
    wanted = [images.read_fitted(index, SMALL) for index in range(len(images))]
    for cache in (tmp_path / "cache", None):
        for among in (None, lambda digest, _: digest < "8"):
            made = Made(fitted=FittedImages(SMALL, cache, among=among))
            seen = images_of(folder, made)
            for _ in range(2):  # made, and read again
                found = [seen.read_fitted(index, SMALL) for index in range(len(seen))]
                assert same(found, wanted)
            other = replace(SMALL, resize=30)
            assert (seen.read_fitted(0, other) == images.read_fitted(0, other)).all()
            # Mean and std come after it.
            assert made.fitted is not None
            assert made.fitted.suits(replace(SMALL, mean=(0.1,) * 3))


def test_photographs_are_decoded_once_for_what_is_measured(folder: Path) -> None:
    made = Made(fitted=FittedImages(SMALL))
    images = images_of(folder, made)
    for path in images.paths or ():
        if path.name != "small.png":
            path.unlink()
    for index, name in enumerate(images.names):
        if not name.endswith("small.png"):
            images.read_fitted(index, SMALL)
    with pytest.raises(DataError, match="put it back"):
        images.read(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_statistics_are_the_same(
    folder: Path, tmp_path: Path, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = channel_statistics(images_of(folder), channels)
    monkeypatch.setattr("striate.data.statistics._LARGE", 1)
    made = Made(moments=Moments(), cache=tmp_path / "cache")
    images = images_of(folder, made)
    assert channel_statistics(images, channels) == wanted
    for path in images.paths or ():
        path.unlink()
    # From the cache: nothing is read at all.
    again = replace(images, made=Made(cache=tmp_path / "cache"))
    assert channel_statistics(again, channels) == wanted
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text(file.read_text().replace("0.", "1."))
    with pytest.raises(DataError):
        channel_statistics(again, channels)


def test_moments_spare_the_second_decoding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.data.statistics._LARGE", 1)
    images = images_of(folder, Made(moments=Moments()))
    wanted = channel_statistics(images, 3)
    for path in images.paths or ():
        path.unlink()
    assert channel_statistics(images, 3) == wanted
