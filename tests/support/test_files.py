from __future__ import annotations

import errno
from pathlib import Path

import pytest

from striate.errors import RunError
from striate.support.files import WriteError, remove, write_atomically


def test_replaces_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_atomically(target, b"old")
    write_atomically(target, lambda beside: beside.write_bytes(b"new") and None)
    assert target.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("[enforce fail at inline]")],
)
def test_full_disk_keeps_old_file(tmp_path: Path, error: Exception) -> None:
    target = tmp_path / "last.pt"
    target.write_bytes(b"old")

    def half_written(beside: Path) -> None:
        beside.write_bytes(b"ne")
        raise error

    with pytest.raises(RunError, match=r"last\.pt: the disk is full; free some space"):
        write_atomically(target, half_written)
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_full_device_is_named(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")

    def onto_full_device(_beside: Path) -> None:
        with full.open("wb", buffering=0) as handle:
            handle.write(b"x")

    with pytest.raises(RunError, match="the disk is full"):
        write_atomically(tmp_path / "a", onto_full_device)


def test_the_reason_survives_the_tidying_up(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match=r"cannot be written \(Not a directory\)"):
        write_atomically(tmp_path / "taken" / "run.toml", b"x")


def test_folder_without_the_right_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("write_bytes", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    with pytest.raises(WriteError, match=r"cannot be written \(Permission denied\)"):
        write_atomically(tmp_path / "run", b"x")
    with pytest.raises(WriteError, match=r"cannot be removed \(Permission denied\)"):
        remove(tmp_path / "run")


def test_what_is_no_file_is_not_removed(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="is a folder; move it away"):
        remove(tmp_path)
    remove(tmp_path / "nothing")
