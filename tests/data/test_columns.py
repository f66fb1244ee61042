"""Columns are like the lists that they stand for, whatever is in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.data import pixels as holding
from striate.data.columns import Digests, Files, Names, concatenated
from striate.data.pixels import Gathered, Pixels
from striate.data.records import ByContent
from striate.data.scan import Record

hashes = st.lists(st.integers(0, 12).map(lambda number: f"{number:032x}"), max_size=20)
NAMES = ["a.jpg", "你好 'b'.png", "<b>.gif", os.fsdecode(b"\xff\xfe.jpg"), "line\nfeed.png"]


@given(hashes, hashes)
def test_hashes_are_found_where_they_come_last(here: list[str], wanted: list[str]) -> None:
    last = {digest: place for place, digest in enumerate(here)}
    column = Digests.of(here)
    assert list(column) == here == column
    assert column[::-1] == here[::-1]
    places = column.places_of(Digests.of(wanted))
    assert places.tolist() == [last.get(digest, -1) for digest in wanted]
    assert column.repeats == (len(last) < len(here))
    assert [column[place] for place in column.order().tolist()] == sorted(here)


def test_records_are_found_by_content() -> None:
    begins = ("00" * 8, "7f" + "ff" * 7, "80" + "00" * 7, "ff" * 8)
    known = [begin + end for end in ("ff" * 8, "00" * 8) for begin in begins]
    sizes = np.arange(1, 17, dtype=np.int32).reshape(-1, 2)
    found = ByContent(Digests.of(known), sizes, np.zeros(8, np.bool_))
    for digest, size in zip(known, sizes.tolist(), strict=True):
        assert found(digest) == Record(digest, *size, grey=False, form="")
    assert all(found(begin + "11" * 8) is None for begin in (*begins, "11" * 8))


@pytest.mark.parametrize("wrong", [["ab"], ["zz" * 16], ["ab" * 15, "ab" * 17]])
def test_what_is_no_hash_is_refused(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match=r"hash|hexadecimal"):
        Digests.of(wrong)


def test_paths_and_names_are_as_they_were_listed(tmp_path: Path) -> None:
    root = str(tmp_path)
    listed = [(root, NAMES[:2]), (f"{root}/in <i>", NAMES[2:]), (root, ["z.jpg"])]
    paths = [Path(folder, name) for folder, names in listed for name in names]
    files = Files.of(listed)
    assert list(files) == paths
    assert files == paths
    assert [os.fsdecode(path) for path in files.encoded()] == [str(path) for path in paths]
    names = Names(files, root)
    assert names[0] == "a.jpg"
    assert names[-2] == r"in <i>/line\nfeed.png"
    assert names[3] == r"in <i>/\udcff\udcfe.jpg"
    chosen = files[1:].take(np.array([3, 0]))
    assert list(chosen) == [paths[4], paths[1]]
    assert concatenated([chosen, files[:1]]) == [paths[4], paths[1], paths[0]]
    assert isinstance(concatenated([files, files]), Files)
    assert concatenated([files, [tmp_path]]) == [*paths, tmp_path]
    with pytest.raises(IndexError):
        files[len(paths)]


@pytest.mark.parametrize("colours", ["none", "some", "all"])
@pytest.mark.parametrize("sizes", ["one", "several"])
def test_images_that_come_one_by_one_are_held_as_they_were(
    monkeypatch: pytest.MonkeyPatch, colours: str, sizes: str
) -> None:
    monkeypatch.setattr(holding, "_BLOCK", 5_000)
    random = np.random.default_rng(0)
    images, gathered = [], Gathered()
    for number in range(60):
        height, width = random.integers(1, 64, 2) if sizes == "several" else (20, 24)
        grey = {"none": True, "some": number % 3 == 0, "all": False}[colours]
        image = random.integers(0, 256, (height, width, 1 if grey else 3), np.uint8)
        images.append(np.repeat(image, 3, axis=2) if grey else image)
        gathered.add(images[-1], bool(grey))
    held = Pixels(gathered.block())
    assert held.channels == (1 if colours == "none" else 3)
    assert len(gathered) == 0
    for image, own in zip(images, held.with_channels(3), strict=True):
        np.testing.assert_array_equal(image, own)
    some = held.with_channels(3).take(np.array([7, 7, 2]))
    assert (some.size is None) == (sizes == "several")
    np.testing.assert_array_equal(some[2], images[2])
    if sizes == "one":
        np.testing.assert_array_equal(some.gather(np.array([2, 0])), [images[2], images[7]])
        assert np.shares_memory(some.block.flat, held.block.flat)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_images_are_never_held_twice_while_they_are_moved() -> None:
    script = """
import numpy as np
from striate.data.pixels import Gathered
def most():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
freed = np.ones(30 << 20, np.uint8)  # from here on glibc keeps what is smaller
del freed
before, image, gathered = most(), np.ones((64, 64, 3), np.uint8), Gathered()
for _ in range(25_000):
    gathered.add(image)
print((most() - before) / 25_000 / image.size, end=" ")
gathered.block()
print((most() - before) / 25_000 / image.size)
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    one, both = map(float, said.stdout.split())
    assert 0.8 < one < 1.1  # less what the freed block had taken
    assert both < 1.4  # and a block of 64 MiB, which is on its way
