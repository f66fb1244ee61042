"""Runs: what is measured is kept, goes on where it was cut, and is the same with any workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from striate.errors import Interrupted, RunError, StriateError
from striate.lab import results as files
from striate.lab import run as runs
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.options import RunExperimentOptions
from striate.lab.page import told
from striate.lab.running import measure_all

TASKS = [(seed, setting) for seed in range(2) for setting in ("stride 1", "stride 3")]


@pytest.fixture(autouse=True)
def book(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "experiment_of", lambda _name: experiment)


def started(out: Path, **given: object) -> runs.ExperimentResult:
    return runs.run(RunExperimentOptions("made-up", out=out, **given))  # type: ignore[arg-type]


def content(folder: Path) -> bytes:
    return (folder / files.RESULTS).read_bytes()


def test_a_run_is_judged_and_told(tmp_path: Path) -> None:
    found = started(tmp_path / "a")
    assert (found.verdict, found.seeds) == ("supported", (0, 1, 2))
    assert found.judged[0].told == "+25.0 points (+25.0 to +25.0)"
    page = found.page.read_text("utf-8")
    assert "share of the &lt;images&gt;" in page
    assert page.count('class="seed') == 2 * (3 + 3 * 3 + 3)
    assert "supported" in found.summary()
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["statements"][0]["verdict"] == "supported"
    first, *lines = content(tmp_path / "a").splitlines()
    assert json.loads(first)["experiment"] == "made-up"
    assert [json.loads(line)["setting"] for line in lines] == ["slow", "fast"] * 3
    assert b"seconds" not in content(tmp_path / "a")  # no two runs have them in common
    assert b"seconds_a_step" in (tmp_path / "a" / files.TIMING).read_bytes()


def test_a_command_on_a_page_can_be_typed(tmp_path: Path, experiment: Experiment) -> None:
    found = started(tmp_path / "a")
    results = files.read(found.folder / files.RESULTS, experiment.settings)
    results.header = replace(results.header, data={"name": "my <photos>", "train": 3, "val": 2})
    written = told(experiment, results, found.judged)
    assert written.command == "striate lab run made-up --data 'my <photos>'"
    assert written.ran_on.startswith("on my <photos> (3 to train on and 2 held out), with 3 seeds")


def test_quick_decides_nothing(tmp_path: Path) -> None:
    found = started(tmp_path / "a", quick=True)
    assert found.verdict is None
    assert len(found.seeds) == 2
    assert "decides nothing" in found.summary()
    assert "supported" not in found.summary()


@pytest.mark.parametrize(
    "torn", [b"", b'{"seed": 1, "setting": "fa', b"\x00\xff", b'{"seed": 1}\n']
)
def test_a_run_that_was_killed_goes_on(tmp_path: Path, torn: bytes) -> None:
    started(tmp_path / "whole")
    started(tmp_path / "cut", seeds=1)
    with (tmp_path / "cut" / files.RESULTS).open("ab") as file:
        file.write(torn)
    started(tmp_path / "cut")
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, experiment: Experiment) -> None:
    measure = experiment.measure

    def stopped(setting: str, seed: int, conditions: Conditions) -> Measured:
        if (seed, setting) == (1, "fast"):
            raise KeyboardInterrupt
        return measure(setting, seed, conditions)

    object.__setattr__(experiment, "measure", stopped)
    with pytest.raises(Interrupted, match="after 3 of 6 measurements"):
        started(tmp_path / "a")
    assert len(content(tmp_path / "a").split(b'"setting"')) == 4
    asked = []
    object.__setattr__(
        experiment,
        "measure",
        lambda setting, seed, conditions: (
            asked.append((seed, setting)) or measure(setting, seed, conditions)
        ),
    )
    assert started(tmp_path / "a").verdict == "supported"
    assert asked == [(1, "fast"), (2, "slow"), (2, "fast")]


def test_any_number_of_workers_measures_the_same() -> None:
    from striate.lab.book import experiment_of

    found = [
        sorted(
            (done.seed, done.setting, json.dumps(done.measured))
            for done in measure_all(
                experiment_of("convolution-backwards"),
                Conditions(quick=True),
                TASKS,
                workers=workers,
                waiting=lambda: None,
            )
        )
        for workers in (1, 2)
    ]
    assert len(found[0]) == 4
    assert found[0] == found[1]


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is for POSIX systems")
def test_workers_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    code = (
        "import multiprocessing, os, time\n"
        "from striate.lab.processes import pool\n"
        "if __name__ == '__main__':\n"
        "    with pool(1) as begun:\n"
        "        print(begun.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        worker = int(started.stdout.readline())
        started.send_signal(signal.SIGKILL)
    for _ in range(200):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the worker lives on")


def test_other_results_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine.txt").write_text("x")
    with pytest.raises(RunError, match="holds other files"):
        started(tmp_path / "files")
    started(tmp_path / "a", quick=True)
    before = content(tmp_path / "a")
    with pytest.raises(RunError, match="another quick: True, and not False"):
        started(tmp_path / "a")
    assert content(tmp_path / "a") == before


def test_what_is_not_equal_is_refused_before_anything_runs(
    tmp_path: Path, experiment: Experiment
) -> None:
    unequal = Equal(what="parameters", values={"slow": 100.0, "fast": 102.0}, within=0.01)
    object.__setattr__(experiment, "equal", lambda _conditions: (unequal,))
    with pytest.raises(StriateError, match=r"not equal within .*: slow 100, fast"):
        started(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert not replace(unequal, within=0.02).apart > 0.02


def test_images_and_epochs_are_for_experiments_that_have_any(tmp_path: Path) -> None:
    for name, value in (("data", "digits"), ("epochs", 3)):
        with pytest.raises(StriateError, match="is nothing that the experiment"):
            started(tmp_path / "a", **{name: value})


def test_a_number_that_is_not_finite_is_a_mistake_of_the_experiment(
    tmp_path: Path, experiment: Experiment
) -> None:
    object.__setattr__(experiment, "measure", lambda *_: {"right": float("nan")})
    with pytest.raises(ValueError, match="right of slow with seed 0 is not finite"):
        started(tmp_path / "a")


def test_reports_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such folder"):
        runs.checked_folder(tmp_path / "none")
    with pytest.raises(RunError, match="there are no results"):
        runs.report(tmp_path)
    (tmp_path / files.RESULTS).write_text("{}\n")
    with pytest.raises(RunError, match="is not the results of an experiment"):
        runs.report(tmp_path)
