"""Folders are listed without a traceback, whatever lies in them and wherever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from striate.data.finding.folders import entries, existing_folder, files_under, is_hidden
from striate.errors import DataError


def test_what_cannot_be_looked_at_counts_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "to folder").symlink_to("folder")
    folders, files = entries(tmp_path)
    assert [path.name for path in folders] == ["folder", "to folder"]
    assert [path.name for path in files] == ["gone.jpg", "loop"]
    assert [path.name for path in files_under(tmp_path)] == ["gone.jpg", "loop"]


@pytest.mark.parametrize(
    "name",
    ["lost+found", "$RECYCLE.BIN", "System Volume Information", "__pycache__", ".git", "Thumbs.db"],
)
def test_what_systems_leave_behind_is_not_seen(tmp_path: Path, name: str) -> None:
    assert is_hidden(name)
    (tmp_path / name).mkdir()
    assert entries(tmp_path) == ([], [])


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jpg").touch()
    scandir = os.scandir

    def refused(path: str | Path) -> object:
        if Path(path).name == "locked":  # the tests may run as root, who may list everything
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"locked: cannot be listed \(Permission denied\)"):
        entries(tmp_path / "locked")
    with pytest.raises(DataError, match="locked: cannot be listed"):
        files_under(tmp_path)
    told: list[DataError] = []
    assert [path.name for path in files_under(tmp_path, told.append)] == ["a.jpg"]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("x" * 300, "File name too long"),
        ("loop", "its links form a loop"),
        ("loop/deeper", "its links form a loop"),
        ("a\0b", "null character"),
        ("~nobody-of-that-name/x", "home folder of nobody"),
        ("https://example.org/photos.zip", "is an address, and nothing is fetched"),
        ("-", "standard input is not read"),
        ("flower", "there is no such folder; did you mean 'flowers'"),
        ("archive.zip", "is a file; give a folder of class folders, a table (CSV, "),
    ],
)
def test_odd_folders_are_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    Path("flowers").mkdir()
    Path("archive.zip").touch()
    for each in (given, Path(given)):
        with pytest.raises(DataError) as caught:
            existing_folder(each)
        assert why in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_called_as_an_address_is_taken_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("http:").mkdir()
    Path("-").mkdir()
    assert existing_folder(Path("http:/")).name == "http:"
    assert existing_folder(Path("-")).name == "-"
