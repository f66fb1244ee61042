"""Ctrl-C, termination and a closed terminal: heard alike, and what is said is so."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import Interrupted
from striate.evaluation import evaluate
from striate.hub.subject import Subject
from striate.report import build
from striate.runs import claim
from striate.runs import layout as names
from striate.runs.claim import Held
from striate.support.signals import HEARD, StopSignal, heard, uninterrupted
from striate.training import assemble, loop

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def raise_signal(number: int) -> Callable[..., None]:
    return lambda *_, **__: os.kill(os.getpid(), number)


def handlers() -> list[Any]:
    return [signal.getsignal(each) for each in HEARD]


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """As in a terminal, also where the tests run under nohup, which ignores closed terminals."""
    before = {each: signal.getsignal(each) for each in HEARD}
    for each in HEARD:
        usual = signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL
        signal.signal(each, usual)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", HEARD)
def test_all_are_heard_alike_and_put_back(number: int) -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), heard():
        raise_signal(number)()
    assert handlers() == before
    with StopSignal() as stop:
        for each in (*(other for other in HEARD if other != number), number):
            raise_signal(each)()
        assert stop.received
        with pytest.raises(KeyboardInterrupt):
            raise_signal(number)()
    assert handlers() == before


def test_what_belongs_together_comes_to_its_end() -> None:
    before, done = handlers(), []

    def together() -> None:
        with heard(), uninterrupted():
            raise_signal(signal.SIGTERM)()
            done.append("all")

    with pytest.raises(KeyboardInterrupt):
        together()
    assert done == ["all"]
    assert handlers() == before


def test_what_was_to_be_ignored_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with heard(), StopSignal() as stop:
            raise_signal(signal.SIGHUP)()
            assert not stop.received
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_signals_alone() -> None:
    found = []

    def work() -> None:
        with heard():
            found.append(handlers())

    before = handlers()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


STAGES = {
    "images": (assemble, "open_data", "before the run was begun: nothing of it was kept", False),
    "claim": (claim, "_refuse_occupied", "before the run was begun: nothing of it was kept", False),
    "run.toml": (Held, "begun", "before the next step; go on with: striate train", True),
    "network": (Subject, "make", "before the run was begun: nothing of it was kept", False),
    "evaluation": (evaluate, "_measured", "after training, in its evaluation and report", True),
    "report": (build, "write_report", "after training, in its evaluation and report", True),
}


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        *((stage, signal.SIGTERM) for stage in STAGES),
        *((stage, other) for stage in ("images", "evaluation") for other in HEARD[::2]),
    ],
)
def test_every_stage_of_a_training(
    stage: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, said, begun = STAGES[stage]
    out = tmp_path / "runs" / "run"
    given: dict[str, Any] = {"net": "lenet", "epochs": 1, "batch_size": 700, "workers": 0}
    with monkeypatch.context() as patch:
        patch.setattr(module, name, raise_signal(number))
        with pytest.raises(Interrupted, match=said) as stopped:
            striate.train("digits", out=out, **given)
    assert ("--resume" in str(stopped.value)) == begun
    assert (out / names.CONFIG).exists() == begun
    assert out.parent.exists() == begun
    result = striate.train("digits", out=out, resume=True, **given)
    assert result is not None
    assert result.report.exists()


def test_twice_at_once_and_after_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"net": "lenet", "epochs": 1, "batch_size": 700, "workers": 0}
    true_step, true_finish = loop.Training._step, loop.Training._finish_epoch

    def twice(self: loop.Training, *some: Any) -> bool:
        raise_signal(signal.SIGINT)()
        raise_signal(signal.SIGINT)()
        return true_step(self, *some)

    def last(self: loop.Training) -> None:
        true_finish(self)
        raise_signal(signal.SIGTERM)()

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_step", twice)
        with pytest.raises(Interrupted, match="before there was a checkpoint: it begins anew, go"):
            striate.train("digits", out=tmp_path / "run", **given)
    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_finish_epoch", last)
        with pytest.raises(Interrupted, match="after 1 epochs and 0 steps; go on with"):
            striate.train(tmp_path / "run", resume=True)
    assert not (tmp_path / "run" / names.EVALUATION).exists()
    result = striate.train(tmp_path / "run", resume=True)
    assert result is not None
    assert result.epochs == 1
