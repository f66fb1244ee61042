"""Working copies are shown and removed, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import striate
from striate.data.working_copies.entries import copies_in, prune_copies
from striate.data.working_copies.store import ABOUT, COPIES, Store

DIGESTS = [f"{number:032x}" for number in range(0, 1 << 124, 1 << 121)]


def filled(cache: Path, number: int) -> Store:
    store = Store(cache, {"way": number}, {"made": f"copies [b]{number}[/b]\x1b"}, memory=0)
    for digest in DIGESTS:
        store.put(digest, b"x" * 1000)
    return store


def test_what_is_not_in_use_is_removed(tmp_path: Path) -> None:
    used, unused = filled(tmp_path, 1), filled(tmp_path, 2)
    unused.close()
    # What a killed process has left, and what is not ours.
    shard = next(each for each in unused.path.iterdir() if each.is_dir())
    (shard / f".{DIGESTS[0]}.image.0123456789abcdef.part").write_bytes(b"half")
    kept = shard / f"{'9' * 32}.image"
    kept.write_bytes(b"somebody else's")
    (tmp_path / COPIES / "notes").mkdir()
    (tmp_path / COPIES / ("a" * 32)).mkdir()  # called as ours are, but without a word of ours
    shown = copies_in(tmp_path)
    assert {one.path for one in shown} == {used.path, unused.path}
    assert [one.images for one in shown].count(len(DIGESTS)) == 1
    assert all(one.bytes > len(DIGESTS) * 1000 and "\x1b" not in one.made for one in shown)
    removed, busy = prune_copies(tmp_path)
    assert [one.path for one in removed] == [unused.path]
    assert [one.path for one in busy] == [used.path]
    assert [file for file in unused.path.rglob("*") if file.is_file()] == [kept]
    assert (tmp_path / COPIES / ("a" * 32)).is_dir()
    assert used.get(DIGESTS[0]) == b"x" * 1000
    used.close()
    removed, busy = prune_copies(tmp_path)
    assert [one.path for one in removed] == [used.path]
    assert not busy
    assert not used.path.exists()


def test_what_was_used_lately_stays(tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    store.close()
    assert prune_copies(tmp_path, days=1) == ((), ())
    os.utime(store.path / ABOUT, (0, 0))
    assert Store(tmp_path, {"way": 1}, {}, memory=0).get(DIGESTS[0]), "reading is using"
    assert prune_copies(tmp_path, days=1) == ((), ())


def test_an_entry_that_is_pruned_in_use_is_made_again(tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    for file in store.path.rglob("*"):
        if file.is_file():
            file.unlink()
    for folder in sorted(store.path.rglob("*"), reverse=True):
        folder.rmdir()
    store.path.rmdir()
    store.put(DIGESTS[0], b"again")
    assert not store.trouble
    assert store.get(DIGESTS[0]) == b"again"
    assert [one.images for one in copies_in(tmp_path)] == [1]


def test_the_report_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path, 1).close()
    found = striate.cache(tmp_path)
    (one,) = found.copies
    assert found.bytes == one.bytes == found.to_json()["copies"][0]["bytes"]
    assert f"copies [b]1[/b]\\x1b: {len(DIGESTS)} images" in found.summary()
    found = striate.cache(tmp_path, everything=True)
    assert not found.copies
    assert found.freed == one.bytes
    assert found.summary().startswith("removed 0 sets of features, 1 set of images and 0 small")
