"""What is known of files from before, and which changes make them be read again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data import known as known_files
from striate.data import scan as scanning
from striate.data.checking.check import check
from striate.data.known import image_files
from striate.data.labelled import open_labelled
from striate.data.sources import Data, open_data
from striate.errors import DataError
from striate.support.array_files import read_arrays, write_arrays


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for which no file is too new to be relied on."""
    monkeypatch.setattr(known_files, "_GRANULE", -1_000_000_000)
    return tmp_path / "cache"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the files whose content is read by a scan."""
    names: list[str] = []
    original = scanning.content_of

    def counted(path: Path, *args: object, **kwargs: object) -> object:
        names.append(path.name)
        return original(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(scanning, "content_of", counted)
    return names


def picture(number: int, side: int) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (side, side + number % 2, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(params=[20, 70], ids=["small", "large"])
def photos(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two classes of six, small enough to be held in memory or not."""
    folder = tmp_path / "photos"
    for number in range(12):
        (folder / "ab"[number % 2] / "in").mkdir(parents=True, exist_ok=True)
        name = f"{number:02} <b>'你好'.png"
        picture(number, request.param).save(folder / "ab"[number % 2] / "in" / name)
    return folder


def assert_same(one: Data, other: Data) -> None:
    assert one.fingerprint == other.fingerprint
    for split, images in one.splits.items():
        found = other.splits[split]
        assert list(images.names) == list(found.names)
        assert list(images.paths or ()) == list(found.paths or ())
        assert images.digests == found.digests
        np.testing.assert_array_equal(images.sizes, found.sizes)
        np.testing.assert_array_equal(images.grey, found.grey)
        assert (images.pixels is None) == (found.pixels is None)
        assert all((images.read(i) == found.read(i)).all() for i in range(len(images)))


def test_the_second_time_nothing_is_read(photos: Path, cache: Path, read: list[str]) -> None:
    first = open_data(photos, cache=cache)
    assert len(read) == 12
    read.clear()
    assert_same(first, open_data(photos, cache=cache))
    assert not read
    assert open_labelled(photos, ("a", "b"), cache=cache).images.digests == [
        digest for name in "ab" for digest in by_name(first, f"{name}/")
    ]
    assert not read
    assert_same(first, open_data(photos, cache=cache, recheck=True))
    assert len(read) == 12


def test_a_recheck_that_is_stopped_forgets_nothing(
    photos: Path, cache: Path, read: list[str]
) -> None:
    first = open_data(photos, cache=cache)

    def stop(done: int, _: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_data(photos, cache=cache, recheck=True, workers=1, progress=stop)
    read.clear()
    assert_same(first, open_data(photos, cache=cache))
    assert not read


def by_name(data: Data, begins: str) -> list[str]:
    """The hashes of the images whose names begin so, in the order of the names."""
    return [
        digest
        for name, digest in sorted(
            pair
            for images in data.splits.values()
            for pair in zip(images.names, images.digests, strict=True)
        )
        if name.startswith(begins)
    ]


def test_check_reads_once_as_well(photos: Path, cache: Path, read: list[str]) -> None:
    Image.new("RGB", (80, 90), "white").save(photos / "a" / "flat.png")
    (photos / "a" / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (photos / "b" / "empty.png").touch()
    picture(1, 20).save(photos / "b" / "misnamed.png", "BMP")
    first = check(photos, cache=cache)
    assert len(first.problems) == 2
    assert len(first.misnamed) == 1
    read.clear()
    assert check(photos, cache=cache) == first
    assert not read


def test_a_folder_without_images_is_filled(tmp_path: Path, cache: Path) -> None:
    folders = [tmp_path / "photos" / name for name in "ab"]
    for folder in folders:
        folder.mkdir(parents=True)
    assert check(tmp_path / "photos", cache=cache).refusal
    for number, folder in enumerate([*folders, *folders]):
        picture(number, 70).save(folder / f"{number}.png")
    assert check(tmp_path / "photos", cache=cache).images == 4


def test_a_name_that_contradicts_its_file_is_found_whoever_read_it_first(
    photos: Path, cache: Path
) -> None:
    """The list of a run, by which `evaluate` knows images, holds no formats."""
    picture(1, 70).save(photos / "b" / "misnamed.png", "BMP")
    data = open_data(photos)
    open_data(photos, cache=cache, manifest=data.manifest)
    for _ in range(2):
        assert [each.name for each in check(photos, cache=cache).misnamed] == ["b/misnamed.png"]


def test_files_with_folders_between_them_are_known(
    tmp_path: Path, cache: Path, read: list[str]
) -> None:
    for number, name in enumerate(("a/1", "a/2/1", "a/3", "a/4/1", "a/5", "b/1", "b/2")):
        file = tmp_path / "photos" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture(number, 70).save(file)
    open_data(tmp_path / "photos", cache=cache)
    (tmp_path / "photos" / "b" / "2.png").unlink()
    read.clear()
    open_data(tmp_path / "photos", cache=cache)
    assert not read


def test_check_sketches_small_images_from_their_stored_pixels(
    photos: Path, cache: Path, read: list[str]
) -> None:
    picture(1, 20).convert("L").save(photos / "a" / "grey.png")
    picture(3, 20).convert("L").convert("RGB").save(photos / "a" / "grey in colour.png")
    small = open_data(photos, cache=cache).train.pixels is not None
    read.clear()
    found = check(photos, cache=cache)
    assert len(read) == (0 if small else 14)
    assert found == check(photos)
    fresh = cache.with_name("fresh")
    check(photos, cache=fresh)
    made, decoded = (
        read_arrays(next(place.rglob("*.sketches")), "sketches")[1] for place in (cache, fresh)
    )
    assert made is not None
    assert decoded is not None
    for name, column in made.items():
        np.testing.assert_array_equal(column, decoded[name])


def with_another_pixel(file: Path) -> None:
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_an_edit_of_the_same_size_and_time_is_seen(
    tmp_path: Path, cache: Path, read: list[str]
) -> None:
    for number in range(8):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture(number, 70).save(folder / f"{number}.bmp")
    first = open_data(tmp_path / "photos", cache=cache)
    read.clear()
    with_another_pixel(tmp_path / "photos" / "a" / "2.bmp")
    second = open_data(tmp_path / "photos", cache=cache)
    assert read == ["2.bmp"]
    assert second.fingerprint != first.fingerprint
    assert_same(second, open_data(tmp_path / "photos"))


def rename(file: Path) -> None:
    file.rename(file.with_name("other.png"))


def move(file: Path) -> None:
    file.rename(file.parents[2] / "b" / file.name)


def swap(file: Path) -> None:
    other = next(each for each in sorted(file.parent.iterdir()) if each != file)
    aside = file.with_suffix(".aside")
    file.rename(aside)
    other.rename(file)
    aside.rename(other)


def replace_by_link(file: Path) -> None:
    other = next(each for each in sorted(file.parent.iterdir()) if each != file)
    file.unlink()
    file.symlink_to(other)


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


CHANGES: list[tuple[Callable[[Path], None], int]] = [
    (rename, 1),
    (move, 1),
    (swap, 2),
    (replace_by_link, 1),
    (damage, 1),
    (Path.unlink, 0),
    (os.utime, 1),
    (lambda file: shutil.copytree(file.parent, file.parents[1] / "another folder"), 6),
]


@pytest.mark.parametrize(("change", "files"), CHANGES)
def test_what_has_changed_is_read_and_nothing_else(
    photos: Path, cache: Path, read: list[str], change: Callable[[Path], None], files: int
) -> None:
    open_data(photos, cache=cache)
    change(sorted((photos / "a" / "in").iterdir())[1])
    read.clear()
    found = open_data(photos, cache=cache, skip_bad=True)
    assert len(read) == files
    assert len(found.skipped) == (change is damage)
    assert_same(found, open_data(photos, skip_bad=True))
    read.clear()
    assert_same(found, open_data(photos, cache=cache, skip_bad=True))
    assert not read


def test_a_file_at_fault_is_refused_each_time(photos: Path, cache: Path, read: list[str]) -> None:
    damage(next(iter(sorted((photos / "a" / "in").iterdir()))))
    with pytest.raises(DataError, match="1 file cannot be used") as first:
        open_data(photos, cache=cache)
    read.clear()
    with pytest.raises(DataError) as second:
        open_data(photos, cache=cache)
    assert not read
    assert str(second.value) == str(first.value)


def test_faults_that_pass_are_looked_at_again(
    tmp_path: Path, cache: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(2):
            colour = (number, ord(name), 0)
            Image.new("RGB", (900, 900), colour).save(tmp_path / "photos" / name / f"{number}.png")
    monkeypatch.setenv("STRIATE_IMAGE_MEMORY", "1M")
    problems = check(tmp_path / "photos", cache=cache).problems
    assert [problem.kind for problem in problems] == ["too large"] * 4
    monkeypatch.delenv("STRIATE_IMAGE_MEMORY")
    read.clear()
    open_data(tmp_path / "photos", cache=cache)
    assert len(read) == 4


def test_a_file_that_is_as_new_as_its_reading_is_read_again(
    photos: Path, cache: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another change might follow within the same tick of the file system's clock."""
    monkeypatch.undo()
    first = open_data(photos, cache=cache)
    known = next(each.path for each in image_files(cache) if each.path.suffix == ".files")
    columns = read_arrays(known, "images")[1]
    assert columns is not None
    assert (columns["stats"][:, 0] == -1).all()
    assert_same(first, open_data(photos, cache=cache))


def test_with_another_version_all_is_read(
    photos: Path, cache: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_data(photos, cache=cache)
    monkeypatch.setattr(known_files, "decoders", lambda: ["another"])
    read.clear()
    open_data(photos, cache=cache)
    assert len(read) == 12


# --- the files of the cache ----------------------------------------------------------------------


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 4
    file.write_bytes(content)


DAMAGES: list[Callable[[Path], object]] = [
    cut,
    flip,
    Path.unlink,
    lambda file: file.write_bytes(b""),
    lambda file: file.write_bytes(b'{"striate": "images"}\n'),
    lambda file: file.write_bytes(b'{"striate": "images", "arrays": 3}\n'),
    lambda file: file.write_bytes(b"[" * 100_000),
    lambda file: (file.unlink(), file.mkdir()),
]


@pytest.mark.parametrize("damaging", DAMAGES)
def test_a_damaged_file_of_the_cache_costs_another_look(
    photos: Path, cache: Path, read: list[str], damaging: Callable[[Path], object]
) -> None:
    first = check(photos, cache=cache)
    for each in image_files(cache):
        damaging(each.path)
    read.clear()
    assert check(photos, cache=cache) == first
    assert len(set(read)) == 12


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ends", lambda column: column[::-1]),
        ("folder", lambda column: column + 7),
        ("forms", lambda column: column + 200),
        ("sizes", lambda column: column * 0),
        ("digests", lambda column: column[:, :4]),
        ("stats", lambda column: column[:3]),
        ("sound", lambda column: column.astype(np.int32)),
    ],
)
def test_columns_that_do_not_belong_together_are_ignored(
    photos: Path, cache: Path, read: list[str], name: str, wrong: Callable[..., object]
) -> None:
    """Also where the sums are right."""
    first = open_data(photos, cache=cache)
    (file,) = (each.path for each in image_files(cache) if each.path.suffix == ".files")
    about, columns = read_arrays(file, "images")
    assert about is not None
    assert columns is not None
    changed = {**columns, name: np.ascontiguousarray(wrong(columns[name]))}
    write_arrays(file, "images", about, changed)  # type: ignore[arg-type]
    read.clear()
    assert_same(first, open_data(photos, cache=cache))
    assert len(read) == 12


def test_without_a_cache_or_where_it_cannot_be_written_all_is_read(
    photos: Path, tmp_path: Path, read: list[str]
) -> None:
    (tmp_path / "file").touch()
    for place in (None, tmp_path / "file", Path("/proc/nowhere")):
        for _ in range(2):
            read.clear()
            open_data(photos, cache=place)
            assert len(read) == 12


@pytest.mark.slow
def test_two_at_once_and_one_that_is_killed(photos: Path, tmp_path: Path) -> None:
    """Whoever is killed while writing leaves the old file, or the new one."""
    code = (
        "import sys; from pathlib import Path; from striate.data import known; "
        "from striate.data.sources import open_data; known._GRANULE = -1_000_000_000; "
        "photos, cache = map(Path, sys.argv[1:]); "
        "print('ready', flush=True); "
        "[open_data(photos, cache=cache, recheck=True) for _ in range(400)]"
    )
    cache = tmp_path / "cache"
    first = open_data(photos)
    command = [sys.executable, "-c", code, str(photos), str(cache)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        for _ in range(20):
            assert_same(first, open_data(photos, cache=cache))
            time.sleep(0.01)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    assert_same(first, open_data(photos, cache=cache))
