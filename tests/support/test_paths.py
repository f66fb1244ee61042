"""What a person may type as a path, and what may lie there: one error each, never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from striate.errors import DataError, StriateError
from striate.support.folders import cache_folder
from striate.support.paths import (
    expanded,
    is_file,
    is_folder,
    mode_of,
    read_file,
    read_start,
    resolved,
    shown,
)
from striate.support.text import printable


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    path = tmp_path / "loop"
    path.symlink_to("loop")
    return path


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "~nobody-is-called-so/x"])
def test_a_name_that_nothing_can_have(name: str, tmp_path: Path) -> None:
    path = name if name.startswith("~") else tmp_path / name
    with pytest.raises(DataError):
        resolved(path, kind=DataError)


def test_a_loop_of_links(loop: Path) -> None:
    for ask in (resolved, mode_of, is_folder, is_file, read_file):
        with pytest.raises(StriateError, match="loop"):
            ask(loop)
    assert shown(loop).endswith("loop")


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert mode_of(tmp_path / "nothing") is None
    assert not is_folder(tmp_path / "nothing" / "deeper")
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "nothing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, word in (
        (tmp_path / "pipe", "pipe"),
        (Path("/dev/zero"), "device"),
        (tmp_path, "folder"),
    ):
        with pytest.raises(DataError, match=word):
            read_file(path, kind=DataError)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # no bytes on the disk
    with pytest.raises(DataError, match="too large"):
        read_file(path, kind=DataError)


def test_a_cache_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STRIATE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert cache_folder().name.startswith("striate-")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "striate"
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.setenv("STRIATE_CACHE", "~nobody-is-called-so/x")
    with pytest.raises(StriateError, match="home"):
        cache_folder()


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert expanded("~/x") == Path("/somewhere/x")


@pytest.mark.parametrize(
    "character", ["\x1b", "\x9b", "\0", "\n", "\r", "\u202e", "\u2066", "\udc80"]
)
def test_nothing_that_a_terminal_obeys_is_printed(character: str) -> None:
    text = printable(f"a{character}b")
    assert text.isprintable()
    assert character not in text


def test_what_can_be_read_is_left_alone() -> None:
    assert printable("玫瑰 <b> café 🌻") == "玫瑰 <b> café 🌻"


def test_the_start_of_a_file_is_read_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")
    assert read_start(tmp_path / "file", 3) == (b"abc", 6)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StriateError, match="is a named pipe, not a file"):
        read_start(tmp_path / "pipe", 3)
    with pytest.raises(FileNotFoundError):
        read_start(tmp_path / "absent", 3)
