from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from striate.errors import ExportError, NetworkError, RunError
from striate.support.files import (
    WriteError,
    output_file,
    part_of,
    remove,
    sweep,
    write_atomically,
    write_text,
)


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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing/net.onnx", "cannot be written there .there is no such folder.; make it first"),
        ("file/net.onnx", "file is not a folder; choose another file"),
        ("net", r"must end in \.onnx; did you mean net\.onnx\?"),
        ("net.ONNX", r"must end in \.onnx; did you mean net\.onnx\?"),
        ("net.pt", r"must end in \.onnx; did you mean net\.pt\.onnx\?"),
        ("folder", "is a folder; name a file in it"),
        ("folder.onnx", "is a folder; name a file in it"),
        ("pipe.onnx", "is no regular file; choose another file"),
        ("loop.onnx", "cannot be accessed .its links form a loop."),
        ("n\0ll.onnx", "null character"),
        ("a" * 300 + ".onnx", "File name too long"),
        ("~nobody-here/net.onnx", "names the home folder of nobody"),
        ("a\x1b[2J", r"a\\x1b\[2J: must end"),
    ],
)
def test_an_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.onnx").mkdir()
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "loop.onnx").symlink_to("loop.onnx")
    before = sorted(tmp_path.iterdir())
    given = name if name.startswith("~") else tmp_path / name
    with pytest.raises(ExportError, match=message) as caught:
        output_file(given, ".onnx", kind=ExportError)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old.onnx").write_bytes(b"old")
    for name in ("old.onnx", "new.onnx", "a" * 250 + ".onnx"):
        assert output_file(tmp_path / name, ".onnx") == tmp_path / name
    assert [path.name for path in tmp_path.iterdir()] == ["old.onnx"]
    assert (tmp_path / "old.onnx").read_bytes() == b"old"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_only_be_read_takes_no_output(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match="Permission denied"):
        output_file(tmp_path / "net.onnx", ".onnx", kind=ExportError)
    tmp_path.chmod(0o700)


def test_a_disk_that_takes_no_file_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ExportError, match=r"Read-only file system.*or choose another file"):
        output_file(tmp_path / "net.onnx", ".onnx", kind=ExportError)


def test_what_the_dead_have_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "net.onnx"
    dead = part_of(target)
    spared = [
        part_of(tmp_path / "other.onnx"),
        tmp_path / ".net.onnx.part",
        tmp_path / ".net.onnx.0123.part",
        tmp_path / "net.onnx.0123456789abcdef.part",
        tmp_path / ".my.net.onnx.0123456789abcdef.part",
    ]
    for each in (dead, *spared):
        each.write_bytes(b"half")
        os.utime(each, (0, 0))
    fresh, folder, link = (part_of(target) for _ in range(3))
    fresh.write_bytes(b"just made")
    folder.mkdir()
    link.symlink_to(spared[0])
    held = part_of(target)

    def while_it_is_written(beside: Path) -> None:
        os.utime(beside, (0, 0))
        sweep(target)
        assert beside.exists()
        beside.write_bytes(b"whole")

    write_atomically(target, while_it_is_written)
    assert target.read_bytes() == b"whole"
    assert not dead.exists()
    assert not held.exists()
    assert all(each.exists() for each in (*spared, fresh, folder))
    assert link.is_symlink()


def test_text_is_written_whole_and_faults_are_of_the_kind_that_was_asked_for(
    tmp_path: Path,
) -> None:
    written = write_text(tmp_path / "page.html", "a\udcff×", kind=NetworkError)
    assert written == tmp_path / "page.html"
    assert written.read_bytes() == "a?×".encode()
    with pytest.raises(NetworkError, match="cannot be written there"):
        write_text(tmp_path / "no" / "page.html", "", kind=NetworkError)
    with pytest.raises(RunError, match="is a folder"):
        write_text(tmp_path, "")
