"""The one pass over all files: whatever lies there is a problem of that file alone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.images import Array
from striate.data.scan import Problem, Record, over_threads, scan


def picture(path: Path, form: str = "PNG") -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 80, 3), np.uint8)).save(
        path, form
    )
    return path


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    """Everything that may be called x.jpg, by what it is."""
    here = {
        name: tmp_path / f"{name}.jpg"
        for name in ("loop", "pipe", "zero", "random", "dangling", "folder", "sparse", "empty")
    }
    here["loop"].symlink_to(here["loop"])
    os.mkfifo(here["pipe"])
    here["zero"].symlink_to("/dev/zero")
    here["random"].symlink_to("/dev/random")
    here["dangling"].symlink_to(tmp_path / "nowhere.jpg")
    here["folder"].mkdir()
    here["sparse"].touch()
    os.truncate(here["sparse"], 5 << 30)
    here["empty"].touch()
    here["long"] = tmp_path / ("n" * 300 + ".jpg")
    here["null"] = Path(f"{tmp_path}/a\0b.jpg")
    here["under a file"] = here["empty"] / "x.jpg"
    return here


@pytest.mark.parametrize("workers", [1, 4])
def test_each_is_a_problem_of_its_own(odd: dict[str, Path], workers: int) -> None:
    sound = picture(next(iter(odd.values())).parent / "sound.png")
    found = list(scan([*odd.values(), sound], [*odd, "sound"], workers=workers))
    assert isinstance(found.pop(), Record)
    reasons = {problem.name: problem for problem in found if isinstance(problem, Problem)}
    assert reasons.keys() == odd.keys()
    for name, word in (
        ("loop", "its links form a loop"),
        ("pipe", "is a named pipe"),
        ("zero", "is a device"),
        ("random", "is a device"),
        ("dangling", "No such file"),
        ("folder", "is a folder"),
        ("sparse", "is too large"),
        ("long", "name too long"),
        ("null", "null"),
        ("under a file", "Not a directory"),
    ):
        assert word in reasons[name].reason, name
        assert reasons[name].kind == "unreadable"
    assert reasons["empty"].kind == "empty"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    file.chmod(0)
    (problem,) = scan([file], ["a.png"])
    assert isinstance(problem, Problem)
    assert "Permission denied" in problem.reason


@pytest.mark.parametrize(
    ("name", "form", "belied"),
    [
        ("a.png", "PNG", ""),
        ("a.jpg_large", "JPEG", ""),
        ("a.pjpeg", "JPEG", ""),
        ("a.mpo", "MPO", ""),
        ("a.png", "JPEG", "is JPEG, not PNG as its name says"),
        ("a.heic", "JPEG", "is JPEG, not HEIC as its name says"),
        ("a.jpg", "WEBP", "is WEBP, not JPEG as its name says"),
    ],
)
def test_content_decides_and_a_name_that_belies_it_is_told(
    tmp_path: Path, name: str, form: str, belied: str
) -> None:
    (record,) = scan([picture(tmp_path / name, form)], [name])
    assert isinstance(record, Record)
    assert record.misnamed == belied


class Seen:
    """A visitor that keeps what it is shown."""

    def __init__(self) -> None:
        self.pixels = dict[str, Array]()

    def visit(self, digest: str, pixels: Array, split: str = "") -> None:
        assert not pixels.flags.writeable
        self.pixels[digest] = pixels.copy()


@pytest.mark.parametrize("workers", [1, 4])
def test_visitors_are_shown_what_is_decoded(tmp_path: Path, workers: int) -> None:
    files = [picture(tmp_path / "noise.png")]
    Image.new("RGB", (70, 80), "red").save(tmp_path / "red.png")
    files += [tmp_path / "red.png", tmp_path / "cut.png"]
    files[-1].write_bytes(files[0].read_bytes()[:-40])
    names = [file.name for file in files]
    everything = Seen()
    first = list(scan(files, names, workers=workers, visitors=[everything]))
    known = {record.digest: record for record in first if isinstance(record, Record)}
    assert everything.pixels.keys() == known.keys()
    assert isinstance(first[2], Problem)
    # What is known is not decoded for them, and comes out as it was known.
    nothing, one = Seen(), Seen()
    again = list(scan(files, names, workers=workers, known=known.get, visitors=[nothing]))
    assert not nothing.pixels
    assert again == first
    red = known.popitem()[0]
    again = list(scan(files, names, workers=workers, known=known.get, visitors=[one]))
    assert one.pixels.keys() == {red}
    assert (one.pixels[red] == everything.pixels[red]).all()
    assert again == first


def test_few_items_are_shared_by_all_threads() -> None:
    """A dozen photographs are as much work as a thousand small images."""
    together = threading.Barrier(4)
    found = over_threads(lambda item: (item, together.wait(timeout=30)), range(8), 4)
    assert [item for item, _ in found] == list(range(8))


def test_many_items_come_in_order() -> None:
    seen: list[tuple[int, int]] = []
    found = over_threads(str, range(3000), 3, lambda done, of: seen.append((done, of)))
    assert list(found) == list(map(str, range(3000)))
    assert seen == sorted(seen)
    assert seen[-1] == (3000, 3000)
    assert len(seen) < 1000, "several a task"
