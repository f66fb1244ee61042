"""Trainings on large photographs give the same bits wherever their working copies are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data.decoding import decode
from striate.data.working_copies.store import ABOUT, SUFFIX
from striate.errors import Interrupted, RunError, StriateError
from striate.runs import layout as names
from striate.training.callbacks.base import BatchEnd, Callback

RECIPE = """
name = "crops"
epochs = 3
batch_size = 4
[optimiser]
rate = 0.02
[augmentation]
crop = "resized"
"""
EXACT = (names.WEIGHTS, names.METRICS)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of eight photographs that are large for a network of 16 pixels."""
    folder = tmp_path_factory.mktemp("data") / "large"
    random = np.random.default_rng(1)  # of these, those are held out that are guessed to be
    for name, colour in (("red", (190, 60, 50)), ("blue <b>", (60, 70, 190))):
        (folder / name).mkdir(parents=True)
        for index in range(8):
            grain = random.normal(0, 25, (130 + index, 160, 3))
            pixels = np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.jpg", quality=95)
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    file = tmp_path / "crops.toml"
    file.write_text(RECIPE)
    return str(file)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("STRIATE_CACHE", str(folder))
    return folder


class Notes(Callback):
    """Keeps what a person is told, and hears Ctrl-C at one step."""

    def __init__(self, stop: int = 0) -> None:
        self.lines, self.left = list[str](), stop

    def on_note(self, text: str) -> None:
        self.lines.append(text)

    def on_batch_end(self, batch: BatchEnd) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGINT)


def train(data: Path, recipe: str, out: Path, **more: Any) -> Notes:
    notes = more.pop("notes", Notes())
    striate.train(data, net="resnet20", recipe=recipe, size=16, out=out, callbacks=[notes], **more)
    return notes


def results(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in EXACT]


def copies(cache: Path) -> list[Path]:
    return sorted((cache / "copies").rglob(f"*{SUFFIX}"))


def test_the_place_of_copies_changes_nothing(
    large: Path, recipe: str, tmp_path: Path, cache: Path
) -> None:
    notes = train(large, recipe, tmp_path / "disk")
    assert not any("copies" in line for line in notes.lines)
    assert striate.open_run(tmp_path / "disk").config.working_copies == 64
    assert copies(cache)
    train(large, recipe, tmp_path / "again")
    shutil.rmtree(cache)
    train(large, recipe, tmp_path / "memory", working_copies="memory")
    assert not copies(cache)
    wanted = results(tmp_path / "disk")
    for name in ("again", "memory"):
        assert results(tmp_path / name) == wanted, name
    train(large, recipe, tmp_path / "off", working_copies="off")
    assert not copies(cache)
    assert striate.open_run(tmp_path / "off").config.working_copies == 0
    assert "working_copies = 0" in (tmp_path / "off" / names.CONFIG).read_text()
    assert results(tmp_path / "off") != wanted


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "deleted"])
def test_a_run_that_was_cut_ends_in_the_same_bits(
    large: Path, recipe: str, tmp_path: Path, cache: Path, lost: bool
) -> None:
    train(large, recipe, tmp_path / "whole", workers=0)
    shutil.rmtree(cache)
    with pytest.raises(Interrupted):
        train(large, recipe, tmp_path / "cut", workers=2, notes=Notes(stop=5))
    if lost:
        shutil.rmtree(cache)
    else:
        for file in copies(cache)[::2]:
            file.write_bytes(file.read_bytes()[:-1])
    striate.train(tmp_path / "cut", resume=True, workers=1, working_copies="memory")
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


def test_killed_while_copies_are_made(
    large: Path, recipe: str, tmp_path: Path, cache: Path
) -> None:
    train(large, recipe, tmp_path / "whole", workers=0)
    shutil.rmtree(cache)
    arguments = [*("train", str(large), "--net", "resnet20", "--recipe", recipe, "--size", "16")]
    arguments += ["--out", str(tmp_path / "killed"), "--resume", "--working-copies", "disk"]
    process = subprocess.Popen(
        [sys.executable, "-m", "striate", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not copies(cache):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    # There may be a run by now, or an empty folder: the same call begins it or goes on.
    train(large, recipe, tmp_path / "killed", resume=True)
    assert results(tmp_path / "killed") == results(tmp_path / "whole")


def test_what_is_measured_is_measured_on_photographs(
    large: Path, recipe: str, tmp_path: Path, cache: Path
) -> None:
    train(large, recipe, tmp_path / "run")
    said = striate.open_run(tmp_path / "run").evaluation
    shutil.rmtree(cache)
    again = striate.evaluate(tmp_path / "run")
    assert said is not None
    assert (again.loss, again.top1) == (said["loss"], said["top1"])


def test_each_photograph_is_decoded_once_until_it_is_shown(
    large: Path, recipe: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked, copied, fitted and measured from one decoding: the rest are pictures for people."""
    seen: list[str] = []
    decoded = decode.decoded

    def counted(data: bytes, name: Any, *given: Any, **more: Any) -> Any:
        seen.append(decode.digest_of(data))
        return decoded(data, name, *given, **more)

    monkeypatch.setattr("striate.data.decoding.decode.decoded", counted)
    monkeypatch.setattr("striate.data.scan.decoded", counted)
    monkeypatch.setattr("striate.data.statistics._LARGE", 1)
    train(large, recipe, tmp_path / "run")
    data = striate.open_run(tmp_path / "run").config.data
    assert len(set(seen)) == 16
    # Samples of validation images are kept, and the report shows a training image a class.
    assert len(seen) == 16 + data.val_images + 2


def test_options_and_disks(
    large: Path, recipe: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StriateError, match=r"must be one of .*did you mean 'disk'"):
        train(large, recipe, tmp_path / "typo", working_copies="disc")
    train(large, recipe, tmp_path / "some")
    with pytest.raises(RunError, match="the run to go on with has working copies"):
        striate.train(tmp_path / "some", resume=True, working_copies="off")
    cache.with_name("file").write_bytes(b"")
    monkeypatch.setenv("STRIATE_CACHE", str(cache.with_name("file")))
    notes = train(large, recipe, tmp_path / "held")
    assert any(line.startswith("working copies are held in memory: ") for line in notes.lines)
    assert results(tmp_path / "held") == results(tmp_path / "some")
    notes = train(large, recipe, tmp_path / "none", working_copies="disk")
    assert any(line.startswith("there is no room for working copies") for line in notes.lines)
    assert striate.open_run(tmp_path / "none").config.working_copies == 0


def test_missing_copies_are_made_before_the_first_step(
    large: Path, recipe: str, tmp_path: Path, cache: Path
) -> None:
    """Else the first epoch would make them, and speeds that are measured then would mislead."""
    train(large, recipe, tmp_path / "first")
    of_training = [p for p in copies(cache) if b"copies of" in (p.parents[1] / ABOUT).read_bytes()]
    for file in of_training[::2]:
        file.unlink()
    there: list[bool] = []

    class AtTheBeginning(Notes):
        def on_train_begin(self, training: object) -> None:
            there.extend(file.exists() for file in of_training)

    train(large, recipe, tmp_path / "second", notes=AtTheBeginning())
    assert there == [True] * len(of_training) != []
    assert results(tmp_path / "second") == results(tmp_path / "first")
