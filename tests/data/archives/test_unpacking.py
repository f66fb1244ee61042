"""What is unpacked is whole and right, whoever unpacks, prunes or writes at the same time."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from striate.data.archives.entry import UNPACKED, Budget, unpack_once
from striate.data.archives.members import _inside
from striate.data.archives.unpacked import unpacked
from striate.data.working_copies.entries import alone
from striate.errors import DataError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"images")
    return path


def fill(folder: Path, budget: Budget) -> None:
    (folder / "a.png").write_bytes(b"x")
    budget.take(1, files=1)


def test_who_is_slower_leaves_what_the_faster_uses(source: Path, tmp_path: Path) -> None:
    faster: list[int] = []

    def slowly(folder: Path, budget: Budget) -> None:
        found = unpack_once("it", [source], fill, tmp_path)
        faster.append((found.root / "a.png").stat().st_ino)
        fill(folder, budget)

    found = unpack_once("it", [source], slowly, tmp_path)
    assert faster == [(found.root / "a.png").stat().st_ino]
    assert [each for each in (tmp_path / UNPACKED).iterdir() if each.is_dir()] == [
        found.root.parent
    ]


def test_what_is_changed_meanwhile_is_not_kept(source: Path, tmp_path: Path) -> None:
    def changing(folder: Path, budget: Budget) -> None:
        source.write_bytes(b"other images")
        fill(folder, budget)

    with pytest.raises(DataError, match=r"^it: was changed while it was unpacked"):
        unpack_once("it", [source], changing, tmp_path)
    assert not [each for each in (tmp_path / UNPACKED).iterdir() if each.is_dir()]


def test_what_else_decides_tells_entries_apart(source: Path, tmp_path: Path) -> None:
    one = unpack_once("it", [source], fill, tmp_path).root
    assert unpack_once("it", [source], fill, tmp_path).root == one
    assert unpack_once("it", [source], fill, tmp_path, meaning="test").root != one


@pytest.mark.skipif(os.name != "posix", reason="nothing is locked there")
def test_an_entry_that_is_being_pruned_is_waited_for(source: Path, tmp_path: Path) -> None:
    entry = unpack_once("it", [source], fill, tmp_path).root.parent
    roots: list[Path] = []
    user = threading.Thread(
        target=lambda: roots.append(unpack_once("it", [source], fill, tmp_path).root)
    )
    with alone(entry) as free:
        assert free
        user.start()
        user.join(0.1)
        assert not roots
        shutil.rmtree(entry)
    user.join(10)
    assert [(root / "a.png").read_bytes() for root in roots] == [b"x"]


def added(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("name", ["p.tar", "p.tar.gz"])
def test_a_tar_may_end_with_a_zip(tmp_path: Path, name: str) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("inner.txt", b"of the zip")
    mode, more = ("w:gz", {"compresslevel": 0}) if name.endswith("gz") else ("w", {})
    with tarfile.open(tmp_path / name, mode, **more) as tar:  # type: ignore[call-overload]
        added(tar, "outer.txt", b"of the tar")
        added(tar, "z.zip", inner.getvalue())
    root = unpacked(tmp_path / name, tmp_path / "cache").root
    assert sorted(each.name for each in root.iterdir()) == ["outer.txt", "z.zip"]


def test_names_that_no_file_can_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.pax_headers = {"path": "a\0b.png"}
        archive.addfile(info)
    with pytest.raises(DataError, match=r"p\.tar: holds a name that no file can have"):
        unpacked(path, tmp_path / "cache")
    # As Windows takes names.
    monkeypatch.setattr("striate.data.archives.members.os", SimpleNamespace(sep="\\"))
    assert _inside(path, "a\\b.png") == "a/b.png"
    for name in ("a\\..\\..\\b.png", "C:b.png", "\\b.png"):
        with pytest.raises(DataError, match="leads out of it"):
            _inside(path, name)
