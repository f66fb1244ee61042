"""What is kept is found again or computed anew, and never wrong."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.transfer_learning.cache import store as module
from striate.transfer_learning.cache.entries import entries, prune
from striate.transfer_learning.cache.store import ABOUT, CacheEntry

DIGESTS = [f"{number:032x}" for number in range(40)]
ROWS: NDArray[np.float32] = np.arange(40 * 2, dtype=np.float32).reshape(40, 2)


def entry(folder: Path, **key: Any) -> CacheEntry:
    return CacheEntry(folder, key, {"backbone": "net", "engine": "torch float32", "view": "0"})


def fill(folder: Path, *parts: slice) -> Path:
    """A closed entry with a block for each of `parts`; gives its only segment."""
    written = entry(folder)
    for part in parts:
        written.add(DIGESTS[part], ROWS[part])
    written.close()
    assert not written.trouble
    return next(written.path.glob("*.features"))


def found(folder: Path) -> set[int]:
    """Which rows can be read, after checking that they are right."""
    known = entry(folder).read(DIGESTS)
    for number, digest in enumerate(DIGESTS):
        if digest in known:
            np.testing.assert_array_equal(known[digest], ROWS[number])
    return {number for number, digest in enumerate(DIGESTS) if digest in known}


def test_what_was_added_is_read_from_the_file(tmp_path: Path) -> None:
    fill(tmp_path, slice(0, 10), slice(10, 13))
    assert found(tmp_path) == set(range(13))
    row = entry(tmp_path).read(DIGESTS)[DIGESTS[0]]
    assert isinstance(row, np.memmap)
    assert not row.flags.writeable


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    fill(tmp_path, slice(0, 3))
    assert not entry(tmp_path, weights="others").read(DIGESTS).rows


def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    empty = entry(tmp_path / "cache")
    empty.read(DIGESTS)
    empty.close()
    assert not (tmp_path / "cache").exists()


def test_every_cut_leaves_whole_blocks(tmp_path: Path) -> None:
    segment = fill(tmp_path, slice(0, 2), slice(2, 5))
    whole = segment.read_bytes()
    first = 64 + 2 * (16 + 4 * 2)
    for size in (*range(0, len(whole), 5), first, len(whole) - 1):
        segment.write_bytes(whole[:size])
        damaged = entry(tmp_path)
        known = damaged.read(DIGESTS[:5])
        assert len(known.rows) == (2 if size >= first else 0)
        assert bool(damaged.trouble) == (
            size not in (0, first)
        )  # a cut between blocks is no damage
    assert damaged.trouble == [
        f"{damaged.path}: {segment.name} was cut short or altered; what is missing is computed anew"
    ]


def test_every_altered_byte_is_noticed(tmp_path: Path) -> None:
    segment = fill(tmp_path, slice(0, 2), slice(2, 5))
    whole = segment.read_bytes()
    for at in range(0, len(whole), 3):
        altered = bytearray(whole)
        altered[at] ^= 0x10
        segment.write_bytes(altered)
        damaged = entry(tmp_path)
        assert len(damaged.read(DIGESTS[:5]).rows) < 5
        assert damaged.trouble
        assert found(tmp_path) <= set(range(5))


def test_damage_that_costs_nothing_is_not_spoken_of(tmp_path: Path) -> None:
    segment = fill(tmp_path, slice(0, 2), slice(2, 5))
    segment.write_bytes(segment.read_bytes()[:-1])
    again = entry(tmp_path)
    again.add(DIGESTS[2:5], ROWS[2:5])
    again.close()
    fresh = entry(tmp_path)
    assert len(fresh.read(DIGESTS[:5]).rows) == 5
    assert not fresh.trouble


def test_a_segment_that_is_being_written_is_not_damaged(tmp_path: Path) -> None:
    writer, reader = entry(tmp_path), entry(tmp_path)
    writer.add(DIGESTS[:3], ROWS[:3])
    segment = next(writer.path.glob("*.features"))
    with segment.open("ab") as half:
        half.write(b"striate")
    assert len(reader.read(DIGESTS).rows) == 3
    assert not reader.trouble
    writer.close()
    reader.read(DIGESTS)
    assert reader.trouble


def test_a_foreign_width_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, slice(0, 3))
    known = entry(tmp_path)
    assert not known.read(DIGESTS[:3], width=5).rows
    assert known.trouble


def test_two_at_once_keep_both(tmp_path: Path) -> None:
    one, other = entry(tmp_path), entry(tmp_path)
    for part in (slice(0, 4), slice(8, 12)):
        one.add(DIGESTS[part], ROWS[part])
        other.add(DIGESTS[4:10], ROWS[4:10])
    one.close()
    other.close()
    assert found(tmp_path) == set(range(12))
    assert len(list(one.path.glob("*.features"))) == 2


class Full:
    """A segment on a disk with room for `room` more bytes."""

    def __init__(self, segment: Any, room: int) -> None:
        self.segment, self.room = segment, room

    def write(self, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written: int = self.segment.write(data[: self.room])
        self.room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self.segment, name)


def test_a_full_disk_costs_nothing_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = entry(tmp_path)
    written.add(DIGESTS[:4], ROWS[:4])
    monkeypatch.setattr(written, "_segment", Full(written._segment, 100))
    for first in (4, 8, 12):
        written.add(DIGESTS[first : first + 4], ROWS[first : first + 4])
    written.close()
    assert written.trouble == [
        f"features are no longer cached: {written.path}: the disk is full; "
        "free some space or set STRIATE_CACHE"
    ]
    assert found(tmp_path) == set(range(4))
    fresh = entry(tmp_path)
    fresh.read(DIGESTS)
    assert not fresh.trouble  # nothing of the half block is left


def test_a_disk_that_is_full_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    written = entry(tmp_path)
    written.add(DIGESTS[:4], ROWS[:4])
    written.add(DIGESTS[4:8], ROWS[4:8])
    assert len(written.trouble) == 1
    assert "the disk is full; free some space or set STRIATE_CACHE" in written.trouble[0]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    written = entry(tmp_path / "file")
    assert not written.read(DIGESTS).rows
    written.add(DIGESTS[:4], ROWS[:4])
    (line,) = written.trouble
    assert line.startswith("features are no longer cached: ")
    assert "cannot be written (Not a directory); set STRIATE_CACHE to another folder" in line


def test_without_a_cache_nothing_is_written_or_found() -> None:
    nowhere = CacheEntry(None, {}, {})
    nowhere.add(DIGESTS, ROWS)
    nowhere.close()
    assert not nowhere.read(DIGESTS).rows
    assert nowhere.trouble == []


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_entries_tell_what_is_there(tmp_path: Path) -> None:
    assert entries(tmp_path) == []
    segment = fill(tmp_path, slice(0, 5), slice(3, 8))
    (one,) = entries(tmp_path)
    assert (one.backbone, one.engine, one.view) == ("net", "torch float32", "0")
    assert (one.images, one.features, one.bytes) == (8, 2, _size(segment.parent))
    assert abs(one.used - time.time()) < 60
    assert one.to_json()["path"] == str(segment.parent)


def test_reading_is_using(tmp_path: Path) -> None:
    about = fill(tmp_path, slice(0, 5)).parent / ABOUT
    os.utime(about, (0, 0))
    entry(tmp_path).read(DIGESTS[30:])
    assert entries(tmp_path)[0].used == 0
    entry(tmp_path).read(DIGESTS)
    assert entries(tmp_path)[0].used > 0


def test_writing_is_using(tmp_path: Path) -> None:
    about = fill(tmp_path, slice(0, 5)).parent / ABOUT
    os.utime(about, (0, 0))
    fill(tmp_path, slice(5, 8))
    assert entries(tmp_path)[0].used > 0
    assert prune(tmp_path, days=1).removed == ()


def test_prune_leaves_what_is_being_written(tmp_path: Path) -> None:
    writer = entry(tmp_path)
    writer.add(DIGESTS[:4], ROWS[:4])
    left = prune(tmp_path)
    assert (left.removed, [one.path for one in left.busy]) == ((), [writer.path])
    writer.add(DIGESTS[4:8], ROWS[4:8])
    writer.close()
    assert found(tmp_path) == set(range(8))
    assert len(prune(tmp_path).removed) == 1


def test_an_entry_that_is_pruned_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, written = module.write_atomically, entry(tmp_path)

    def pruned_before(*given: Any) -> None:
        monkeypatch.setattr(module, "write_atomically", original)
        prune(tmp_path)
        original(*given)

    monkeypatch.setattr(module, "write_atomically", pruned_before)
    written.add(DIGESTS[:4], ROWS[:4])
    written.close()
    assert not written.trouble
    assert found(tmp_path) == set(range(4))


def test_prune_removes_what_is_old(tmp_path: Path) -> None:
    old = fill(tmp_path, slice(0, 5)).parent
    new = entry(tmp_path, weights="others")
    new.add(DIGESTS, ROWS)
    new.close()
    long_ago = time.time() - 10 * 86_400
    os.utime(old / ABOUT, (long_ago, long_ago))
    assert prune(tmp_path, days=11).removed == ()
    assert [one.path for one in prune(tmp_path, days=9).removed] == [old]
    assert [one.path for one in entries(tmp_path)] == [new.path]
    prune(tmp_path)
    assert entries(tmp_path) == []


def test_what_was_pruned_meanwhile_is_only_not_kept(tmp_path: Path) -> None:
    writer = entry(tmp_path)
    writer.add(DIGESTS[:4], ROWS[:4])
    known = writer.read(DIGESTS)
    shutil.rmtree(writer.path)
    np.testing.assert_array_equal(known[DIGESTS[2]], ROWS[2])
    writer.add(DIGESTS[4:8], ROWS[4:8])
    writer.close()
    assert not writer.trouble
    assert found(tmp_path) == set()


def test_strange_files_do_no_harm(tmp_path: Path) -> None:
    segment = fill(tmp_path, slice(0, 5))
    (segment.parent / "notes.txt").write_text("mine")
    (segment.parent / ABOUT).write_text("[]")
    (segment.parent / "empty.features").write_bytes(b"")
    os.mkfifo(segment.parent / "pipe.features")
    (tmp_path / "features" / "file").write_text("")
    assert found(tmp_path) == set(range(5))
    (one,) = entries(tmp_path)
    assert one.backbone == "?"
    assert one.bytes == _size(segment.parent) - len("mine")


def test_nothing_is_removed_for_its_place_alone(tmp_path: Path) -> None:
    """A cache may be any folder, and ``features`` a folder of somebody's experiments."""
    ours = fill(tmp_path, slice(0, 5)).parent
    theirs = tmp_path / "features"
    name = "0123456789abcdef" * 2
    kept = [theirs / "experiment", theirs / name, theirs / name[::-1], theirs / name.upper()]
    for folder in kept:
        folder.mkdir()
        (folder / "vectors.npy").write_bytes(b"x")
    (kept[1] / ABOUT).write_text('{"about": "me"}')
    (kept[2] / "mine.features").write_bytes(b"1,2,3")
    (kept[3] / ABOUT).write_text('{"backbone": "a", "engine": "b", "view": "c"}')
    elsewhere = tmp_path / "elsewhere"
    ours.rename(elsewhere)
    (theirs / ours.name).symlink_to(elsewhere)
    before = sorted(tmp_path.rglob("*"))
    for each in before:
        os.utime(each, (0, 0))
    assert entries(tmp_path) == []
    assert prune(tmp_path).removed == ()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("about", ["as written", "before the mark", "damaged", "missing"])
def test_ours_is_removed_and_what_else_is_in_it_stays(tmp_path: Path, about: str) -> None:
    ours = fill(tmp_path, slice(0, 5)).parent
    told = ours / ABOUT
    if about == "before the mark":
        told.write_text('{"backbone": "a", "engine": "b", "view": "c"}')
    elif about == "damaged":
        told.write_text("{")
    elif about == "missing":
        told.unlink()
    (ours / "notes.txt").write_text("mine")
    assert len(prune(tmp_path).removed) == 1
    assert [path.name for path in ours.iterdir()] == ["notes.txt"]
    assert entries(tmp_path) == []
    (ours / "notes.txt").unlink()
    assert found(tmp_path) == set()
    fill(tmp_path, slice(0, 5))
    prune(tmp_path)
    assert not ours.exists()


def test_hashes_of_another_length_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        module._block(["ab"], ROWS[:1])
