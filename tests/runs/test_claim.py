"""A run's folder belongs to one process at a time, and never to one that found others' files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from striate.errors import RunError
from striate.runs import layout as names
from striate.runs import lock as module
from striate.runs.claim import claim, claim_first, hold, is_ours
from striate.runs.lock import ABOUT, LOCK, SOFT_LOCK


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def begin(path: Path) -> None:
    """A run that was begun and let go of."""
    with claim(path) as held:
        (path / names.CONFIG).write_text("format = 1\n")
        held.begun()


@pytest.mark.parametrize("exists", [True, False])
def test_a_claim_that_comes_to_nothing_leaves_what_it_found(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "a" / "b"
    if exists:
        path.mkdir(parents=True)

    def fail() -> None:
        with claim(path):
            (path / names.STATE).write_bytes(b"half a transfer")
            (path / f".{names.WEIGHTS}.{'0' * 16}.part").write_bytes(b"half a file")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.exists() == exists
    assert (tmp_path / "a").exists() == exists
    assert not contents(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["config.json", names.WEIGHTS, names.STATE, ".download.part", ABOUT, ".x", "sub/"],
)
def test_files_of_others_are_never_touched(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine"
    path.mkdir()
    if name.endswith("/"):
        (path / name).mkdir()
    else:
        (path / name).write_bytes(b"{}")
    before = contents(tmp_path)
    with pytest.raises(RunError, match=r"mine: is not empty.*choose a new or an empty folder") as e:
        claim(path)
    assert name.strip("/") in str(e.value)
    assert contents(tmp_path) == before


def test_a_run_and_what_is_left_of_one_are_refused(tmp_path: Path) -> None:
    begin(tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already; do this"):
        claim(tmp_path / "run", otherwise="do this")
    (tmp_path / "run" / names.STATE).write_bytes(b"a hundred hours")
    (tmp_path / "run" / names.CONFIG).unlink()
    with pytest.raises(RunError, match=r"has lost its run\.toml; restore that"):
        claim(tmp_path / "run")
    assert (tmp_path / "run" / names.STATE).read_bytes() == b"a hundred hours"
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunError, match=r"is a file, not a folder|cannot be made"):
            claim(path)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "lost+found/", "$RECYCLE.BIN/", "._x"])
def test_what_a_system_left_makes_no_folder_occupied(tmp_path: Path, name: str) -> None:
    left = tmp_path / name.strip("/")
    left.mkdir() if name.endswith("/") else left.write_bytes(b"theirs")
    claim(tmp_path).release()
    assert [path.name for path in tmp_path.iterdir()] == [left.name]
    begin(tmp_path)
    assert left.exists()


@pytest.mark.parametrize("locked", [True, False])
def test_a_kill_while_the_claim_is_written_down_leaves_an_empty_folder(
    tmp_path: Path, locked: bool
) -> None:
    (tmp_path / f".{ABOUT}.{'a1' * 8}.part").write_bytes(b'{"stri')
    if locked:
        (tmp_path / LOCK).touch()
    with claim(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {ABOUT, LOCK}
    assert not contents(tmp_path)


def test_a_run_that_may_only_be_read_is_a_run_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "run")

    class Refused(filelock.FileLock):
        def _acquire(self) -> None:
            if Path(self.lock_file).parent.name == "run":  # root may write everywhere
                raise PermissionError(errno.EACCES, "Permission denied")
            super()._acquire()

    monkeypatch.setattr(module, "FileLock", Refused)
    with pytest.raises(RunError, match="run: holds a run already"):
        claim(tmp_path / "run")
    with claim_first([tmp_path / "run", tmp_path / "run-2"]) as held:
        assert held.path.name == "run-2"
    with pytest.raises(RunError, match="cannot be written"):
        hold(tmp_path / "run")


HOLDER = """
import sys, time
from pathlib import Path
from striate.runs.claim import claim, hold
path, begun = Path(sys.argv[1]), sys.argv[2] == "begun"
held = claim(path)
if begun:
    (path / "run.toml").write_text("format = 1\\n")
    held.begun()
(path / "last.pt").write_bytes(b"written")
print("holds", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how_far", ["begun", "claimed"])
def test_another_process_is_named_and_kill_lets_go(tmp_path: Path, how_far: str) -> None:
    path = tmp_path / "run"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), how_far], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "holds\n"
        said = rf"run: is being written by process {other.pid} on .*; wait"
        with pytest.raises(RunError, match=said):
            claim(path)
        with pytest.raises(RunError, match=rf"is being written by process {other.pid} on"):
            hold(path)
        # Names that nobody asked for: the next one is taken.
        held = claim_first([path, tmp_path / "run-2"])
        assert held.path.name == "run-2"
        held.release()
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    if how_far == "begun":
        hold(path).release()
        assert (path / "last.pt").exists()
        with pytest.raises(RunError, match="holds a run already"):
            claim(path)
        return
    # It never held a run, and all in it is ours: as good as an empty folder.
    with claim(path):
        assert not (path / "last.pt").exists()
    assert path.exists()  # it was there before this claim
    assert not contents(path)


def test_one_of_many_gets_it(tmp_path: Path) -> None:
    paths = [tmp_path / "runs" / str(number) for number in range(12)]
    ready, taken, refused = threading.Barrier(12), [], []

    def work(asked: bool) -> None:
        ready.wait()
        try:
            held = claim(tmp_path / "asked") if asked else claim_first(paths)
            taken.append(held)
        except RunError as error:
            refused.append(error)

    for asked in (True, False):
        threads = [threading.Thread(target=work, args=(asked,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({held.path for held in taken}) == len(taken) == (1 if asked else 12)
        assert len(refused) == (11 if asked else 0)
        taken.clear()
        refused.clear()


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unknown(filelock.FileLock):
        def _acquire(self) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module, "FileLock", Unknown)
    held = claim(tmp_path / "run")
    assert (tmp_path / "run" / SOFT_LOCK).exists()
    with pytest.raises(RunError, match=f"is being written by process {os.getpid()} on"):
        hold(tmp_path / "run")
    held.release()
    assert not (tmp_path / "run").exists()
    # What a killed process left there holds nobody up.
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    begin(tmp_path / "run")
    lock = module.SoftFileLock(tmp_path / "run" / SOFT_LOCK)
    lock.acquire()
    (tmp_path / "run" / SOFT_LOCK).write_text(
        (tmp_path / "run" / SOFT_LOCK).read_text().replace(str(os.getpid()), str(gone.pid), 1)
    )
    hold(tmp_path / "run").release()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (lambda path: (path / names.REPORT).mkdir(), r"report\.html: is a folder, but the run"),
        (lambda path: (path / names.STATE).mkdir(), r"last\.pt: is a folder, but the run keeps"),
        (lambda path: os.mkfifo(path / names.METRICS), r"metrics\.jsonl: is no regular file"),
        (lambda path: (path / names.BOARD).write_text(""), "tensorboard: is no folder"),
    ],
)
def test_what_could_not_be_written_is_found_out_first(
    tmp_path: Path, place: Callable[[Path], None], said: str
) -> None:
    begin(tmp_path)
    place(tmp_path)
    with pytest.raises(RunError, match=said):
        hold(tmp_path)
    (tmp_path / LOCK).unlink()


def test_only_what_we_left_is_tidied_up(tmp_path: Path) -> None:
    begin(tmp_path)
    ours = [f".{names.STATE}.{'a1' * 8}.part", f".{names.REPORT}.4711.part"]
    ours += [f".{name}.{'a1' * 8}.part" for name in (names.TRACKERS, names.TABLE, names.RATE_TEST)]
    theirs = [".download.part", f".mine.{'a1' * 8}.part", f".{names.STATE}.part", "notes.txt"]
    for name in (*ours, *theirs):
        (tmp_path / name).write_text("")
    hold(tmp_path).release()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*theirs, names.CONFIG, ABOUT, LOCK}
    assert all(is_ours(name) for name in ours)
    # Who wrote is nobody else's business once it is done.
    assert json.loads((tmp_path / ABOUT).read_text()) == {"striate": "run", "begun": True}
