"""The command that shows and prunes what is kept on disk."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

import striate
from striate.cli.cache import cache
from striate.cli.parsing import command_of
from striate.errors import StriateError
from striate.transfer_learning.cache.store import ABOUT, CacheEntry

NAME = "0123456789abcdef" * 2
HEAD = '{"striate": "heads", "sha256": "", "content": {}}'


def run(*typed: str) -> None:
    app = command_of(cache)
    app(typed, standalone_mode=False)


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The features of one backbone, last used forty days ago."""
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path))
    about = {"backbone": "[red]net", "engine": "torch float32", "view": "as evaluated"}
    kept = CacheEntry(tmp_path, {"weights": "ab"}, about)
    kept.add([f"{number:032x}" for number in range(3)], np.zeros((3, 5), np.float32))
    kept.close()
    then = time.time() - 40 * 86_400
    os.utime(kept.path / ABOUT, (then, then))
    return kept.path


def test_it_shows_what_is_there(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    shown = capsys.readouterr().out
    assert str(entry.parents[1]) in shown.replace("\n", "")
    assert "[red]net" in shown
    assert entry.exists()


def test_json(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--json")
    document = json.loads(capsys.readouterr().out)
    (kept,) = document["entries"]
    assert (kept["backbone"], kept["images"], kept["features"]) == ("[red]net", 3, 5)
    assert kept["path"] == str(entry)
    size = sum(file.stat().st_size for file in entry.iterdir())
    assert document["bytes"] == kept["bytes"] == size
    assert document["removed"] == []


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ("--prune", True),
        ("--older-than 39", True),
        ("--older-than 41", False),
        ("--prune --older-than 41", False),
        ("--all", True),
    ],
)
def test_it_removes_what_is_old(
    entry: Path,
    capsys: pytest.CaptureFixture[str],
    options: str,
    gone: bool,
) -> None:
    run(*options.split(), "--json")
    document = json.loads(capsys.readouterr().out)
    assert len(document["removed"]) == gone
    assert entry.exists() != gone
    assert document["freed"] == sum(one["bytes"] for one in document["removed"])


def test_another_folder(
    entry: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_CACHE", "/nowhere")
    run("--cache", str(entry.parents[1]), "--all")
    assert (
        "removed 1 set of features, 0 sets of images and 0 small files, 0.0 MB"
        in capsys.readouterr().out
    )
    assert not entry.exists()


def test_from_python(entry: Path) -> None:
    root = entry.parents[1]
    (root / "heads").mkdir()
    (root / "heads" / f"{NAME}.json").write_text(HEAD)
    found = striate.cache(root)
    assert [one.path for one in found.entries] == [entry]
    assert not found.pruned
    assert "[red]net" in found.summary()
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    assert found.bytes == size
    gone = striate.cache(str(root), everything=True)
    assert (gone.freed, gone.bytes, gone.entries) == (size, 0, ())
    with pytest.raises(StriateError, match="must be at least 0"):
        striate.cache(root, older_than=-1)
    (root / "file").write_text("")
    with pytest.raises(StriateError, match="is a file"):
        striate.cache(root / "file")
    (root / "loop").symlink_to("loop")
    for impossible in (root / "loop", root / ("a" * 300), "~nobody-here/x", "nu\0ll"):
        with pytest.raises(StriateError):
            striate.cache(impossible)


def test_small_files_are_shown_and_removed_as_well(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = entry.parents[1]
    for kind in ("heads", "images"):
        (root / kind).mkdir()
        (root / kind / f"{NAME}.json").write_text(HEAD.replace("heads", kind))
    then = time.time() - 40 * 86_400
    os.utime(root / "heads" / f"{NAME}.json", (then, then))
    run()
    assert "1 source of known images, 1 head compared" in capsys.readouterr().out
    run("--prune", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == {"files": 1, "bytes": len(HEAD.replace("heads", "images"))}
    assert document["heads"] == {"files": 0, "bytes": 0}
    assert not (root / "heads" / f"{NAME}.json").exists()


def test_nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "none"))
    run("--prune")
    assert not (tmp_path / "none").exists()


def test_names_that_a_terminal_would_obey_are_shown_as_text(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {"backbone": "a\x1b[2Jb", "engine": "torch\nfloat32", "view": "\u202eold"}
    (entry / ABOUT).write_text(json.dumps({"striate": 1, **about}))
    run()
    shown = capsys.readouterr().out + striate.cache(entry.parents[1]).summary()
    assert "\\x1b[2J" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
