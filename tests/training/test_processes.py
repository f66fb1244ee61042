"""Two processes that train together: one folder, one person to talk to, one way to end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import striate
from striate.errors import DataError, StriateError
from striate.runs import layout as names
from striate.training.distributed import Group


def together(*command: str) -> list[subprocess.CompletedProcess[str]]:
    """Run the Python `command` in two processes, as ``torchrun`` starts them; leader first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    shared |= {"OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    ended = []
    for process in started:
        out, err = process.communicate(timeout=120)
        ended.append(subprocess.CompletedProcess(command, process.returncode, out, err))
    return ended


class Shared:
    """Stands for the wire between two processes of which one runs at a time: the leader first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[Any] = []
        monkeypatch.setattr(Group, "share", self.share)
        self.leads = True

    def share(self, value: Any) -> Any:
        if self.leads:
            self.said.append(value)
            return value
        return self.said.pop(0)


def test_the_leader_works_first_and_each_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Shared(monkeypatch)
    order: list[str] = []

    def work(name: str) -> str:
        order.append(name)
        return name

    assert Group().first(lambda: work("alone")) == "alone"
    assert Group(0, 2).first(lambda: work("leader")) == "leader"
    wire.leads = False
    assert Group(1, 2).first(lambda: work("other")) == "other"
    assert order == ["alone", "leader", "other"]


@pytest.mark.parametrize("how", ["first", "lead"])
def test_an_error_of_the_leader_is_everybodys(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    wire = Shared(monkeypatch)

    def fail() -> None:
        raise DataError("photos", "are gone", "look for them")

    with pytest.raises(DataError, match="photos: are gone; look for them"):
        getattr(Group(0, 2), how)(fail)
    wire.leads = False
    with pytest.raises(StriateError, match=r"^photos: are gone; look for them$"):
        getattr(Group(1, 2), how)(lambda: pytest.fail("the others need not try"))


@pytest.mark.slow
def test_a_fault_in_the_images_is_one_line_from_each(photographs: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for path in photographs.rglob("*.jpg"):
        copy = photos / path.relative_to(photographs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    broken = sorted(photos.rglob("*.jpg"))[3]
    broken.write_bytes(broken.read_bytes()[:200])
    out = tmp_path / "run"
    given = ["train", str(photos), "--net", "resnet20", "--size", "16", "--out", str(out)]
    ended = together("-m", "striate", *given)
    for process in ended:
        assert process.returncode == 2, process.stderr
        (line,) = process.stderr.splitlines()
        assert line.startswith("striate: ")
        assert broken.name in line
    assert not out.exists()


TOLD = """
import json, sys
import striate

class Told(striate.Callback):
    def __init__(self):
        self.told = []
    def on_note(self, text):
        self.told.append("note")
    def on_epoch_end(self, epoch):
        self.told.append(epoch.epoch)
        if epoch.epoch == 2:
            self.stop()
    def on_train_end(self, end):
        self.told.append(end.stopped)

told = Told()
result = striate.train(
    sys.argv[1], net="resnet20", size=16, batch_size=6, epochs=9, out=sys.argv[2], callbacks=[told]
)
print(json.dumps([told.told, None if result is None else result.epochs]))
"""


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes would share the device")
def test_the_leaders_callbacks_alone_are_called_and_end_all(
    photographs: Path, tmp_path: Path
) -> None:
    ended = together("-c", TOLD, str(photographs), str(tmp_path / "run"))
    assert [process.returncode for process in ended] == [0, 0], ended[0].stderr
    leader, other = (json.loads(process.stdout.splitlines()[-1]) for process in ended)
    assert leader == [["note", 1, 2, "note", True], 2]
    assert other == [[], None]
    assert striate.open_run(tmp_path / "run").is_finished
    assert (tmp_path / "run" / names.REPORT).exists()
