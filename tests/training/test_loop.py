from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import striate
from striate.errors import Interrupted, RunError, StriateError, TrainingError
from striate.runs import layout as names
from striate.support.files import write_atomically
from striate.training import checkpoint, course
from striate.training.callbacks.base import BatchEnd, Callback

RECIPE = """
epochs = 3
batch_size = 64
[optimiser]
rate = 0.05
nesterov = true
weight_decay = 1e-4
[schedule]
name = "cosine"
warmup = 1.0
[averaging]
name = "ema"
decay = 0.9
[augmentation]
crop = "padded"
padding = 2
mirror = false
brightness = 0.2
erasing = 0.3
mixup = 0.2
"""
EXACT = (names.WEIGHTS, names.METRICS, names.EVALUATION)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return str(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, recipe: str) -> Path:
    """A run that was never stopped."""
    out = tmp_path_factory.mktemp("whole") / "run"
    striate.train("digits", net="lenet", recipe=recipe, out=out, workers=0)
    return out


def same(one: Path, two: Path) -> bool:
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in EXACT)


def test_leaves_a_whole_run(whole: Path) -> None:
    written = {path.name for path in whole.iterdir()}
    assert written >= {names.CONFIG, names.WEIGHTS, names.STATE, *EXACT, names.REPORT, names.TIMING}
    lines = [json.loads(line) for line in (whole / names.METRICS).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3]
    assert set(lines[0]) == {"epoch", "step", "health"}
    for layer in lines[1]["health"].values():
        assert all(value > 0 for value in layer.values())


def test_same_seed_same_bits_whatever_the_workers(whole: Path, recipe: str, tmp_path: Path) -> None:
    striate.train("digits", net="lenet", recipe=recipe, out=tmp_path / "two", workers=2)
    assert same(whole, tmp_path / "two")
    striate.train("digits", net="lenet", recipe=recipe, out=tmp_path / "seed", seed=1)
    assert not same(whole, tmp_path / "seed")


class StopAt(Callback):
    """Sends Ctrl-C to the process at one step."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_batch_end(self, batch: BatchEnd) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("after", [5, 30])
def test_interrupted_run_goes_on_to_the_same_bits(
    whole: Path, recipe: str, tmp_path: Path, after: int
) -> None:
    out = tmp_path / "cut"
    with pytest.raises(Interrupted, match="--resume"):
        striate.train("digits", net="lenet", recipe=recipe, out=out, callbacks=[StopAt(after)])
    result = striate.train(out, resume=True, workers=2)
    assert result is not None
    assert result.epochs == 3
    assert same(whole, out)


def test_resuming_a_finished_run_changes_nothing(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {name: (whole / name).read_bytes() for name in EXACT}
    striate.train(whole, resume=True, progress=True)
    assert "the run is finished, after 3 of 3 epochs: nothing is left" in capsys.readouterr().err
    assert before == {name: (whole / name).read_bytes() for name in EXACT}


def start(recipe: str, out: Path, workers: int) -> subprocess.Popen[bytes]:
    arguments = ["train", "digits", "--net", "lenet", "--recipe", recipe, "--out", str(out)]
    arguments += ["--resume", "--checkpoint-minutes", "0.001", "--workers", str(workers)]
    return subprocess.Popen(
        [sys.executable, "-m", "striate", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    "workers",
    [pytest.param(0, marks=pytest.mark.exhaustive), pytest.param(2, marks=pytest.mark.slow)],
)
def test_killed_at_random_moments(whole: Path, recipe: str, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "killed"
    chance = random.Random(workers)
    kills = 0
    for _ in range(12):
        process = start(recipe, out, workers)
        # Let it get past its imports, then cut it anywhere, in the middle of a write included.
        while process.poll() is None and not (out / names.CONFIG).exists():
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 3 if kills else 0.5))
        if process.poll() is None:
            process.kill()
            kills += 1
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
        if kills == 3:
            process = start(recipe, out, workers)
            assert process.wait() == 0
            break
    assert kills, "never killed: the test proves nothing"
    assert same(whole, out)


@pytest.mark.slow
def test_two_processes_train_together(recipe: str, tmp_path: Path) -> None:
    out = tmp_path / "two"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", "-m", "striate", "train", "digits", "--net", "lenet"),
            *("--recipe", recipe, "--out", str(out), "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    run = striate.open_run(out)
    assert run.config.world == 2
    assert result["epochs"] == 3
    # Every validation image was counted once, by one of the two: their figure is the whole one's.
    best = run.metrics[result["best_epoch"]]["validation"]["top1"]
    assert best == pytest.approx(result["top1"], abs=2e-3)
    assert result["images"] == run.config.data.val_images


LEADER = """
import os, sys, time
import striate
import striate.evaluation.evaluate as evaluation
measure = evaluation.evaluate_own
def slowly(*given, **more):
    time.sleep(2)
    return measure(*given, **more)
evaluation.evaluate_own = slowly
result = striate.train("digits", net="lenet", recipe=sys.argv[1], out=sys.argv[2], epochs=1)
if result is None:
    os.abort()  # what leaving a group sometimes ends in
print("top-1", result.top1, flush=True)
"""


@pytest.mark.exhaustive
def test_who_leaves_early_costs_nothing(recipe: str, tmp_path: Path) -> None:
    """All processes wait for the leader's figures and report before any of them leaves."""
    script, out = tmp_path / "leader.py", tmp_path / "run"
    script.write_text(LEADER)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", str(script), recipe, str(out)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode != 0, "no process broke off: the test proves nothing"
    assert (out / names.EVALUATION).exists(), done.stderr
    assert (out / names.REPORT).exists(), done.stderr


def test_loss_that_is_not_finite(tmp_path: Path) -> None:
    wild = tmp_path / "wild.toml"
    wild.write_text('epochs = 3\n[optimiser]\nrate = 1e30\n[schedule]\nname = "constant"\n')
    with pytest.raises(TrainingError, match=r"epoch 1.*not finite.*lower the rate"):
        striate.train("digits", net="lenet", recipe=str(wild), out=tmp_path / "run")
    with pytest.raises(RunError, match="is missing"):
        striate.open_run(tmp_path / "run").network()


def test_not_finite_later_keeps_the_last_good_epoch(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    true_rate = course.RateSchedule.rate
    monkeypatch.setattr(
        course.RateSchedule,
        "rate",
        lambda self, step: true_rate(self, step) if step < 40 else float("inf"),
    )
    with pytest.raises(TrainingError, match="first seen in the weights of"):
        striate.train("digits", net="lenet", recipe=recipe, out=out)
    kept = checkpoint.load(out / names.STATE, identity=striate.open_run(out).config.identity)
    assert kept.epoch == 1
    assert all(torch.isfinite(value).all() for value in kept.network.values())
    striate.open_run(out).network()


def test_full_disk_stops_the_run_and_keeps_the_checkpoint(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    true_write = write_atomically
    writes: list[Path] = []

    def full(path: Path, write: Callable[[Path], None]) -> None:
        def halfway(beside: Path) -> None:
            write(beside)
            os.truncate(beside, 1000)
            raise OSError(28, "No space left on device")

        writes.append(path)
        true_write(path, halfway if len(writes) == 2 else write)

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    with pytest.raises(RunError, match=r"last\.pt: the disk is full.*--resume"):
        striate.train("digits", net="lenet", recipe=recipe, out=out)
    monkeypatch.undo()
    assert not list(out.glob(".*.part"))
    result = striate.train(out, resume=True)
    assert result is not None
    assert result.epochs == 3


def flip(path: Path) -> None:
    """Change one bit in the middle, which is a weight's."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (names.STATE, flip, "is damaged"),
        (names.STATE, lambda path: path.write_bytes(b""), "is damaged"),
        (names.STATE, lambda path: path.write_bytes(random.Random(0).randbytes(999)), "is damaged"),
        (names.STATE, lambda path: path.unlink(), "is missing"),
        (names.STATE, lambda path: path.write_bytes(path.read_bytes()[:999]), "is damaged"),
        (names.WEIGHTS, lambda path: path.unlink(), "is missing"),
        (names.WEIGHTS, lambda path: path.write_bytes(b"junk"), "is damaged"),
    ],
)
def test_resume_from_a_damaged_run(
    recipe: str, tmp_path: Path, name: str, damage: object, message: str
) -> None:
    out = tmp_path / "run"
    striate.train("digits", net="lenet", recipe=recipe, out=out, epochs=2)
    run = striate.open_run(out)
    # As if the best epoch had been the first, so that the weights cannot be had from the state.
    state = checkpoint.load(out / names.STATE, identity=run.config.identity)
    assert state.best is not None
    state.best.epoch = 1
    checkpoint.save(out / names.STATE, state)
    damage(out / name)  # type: ignore[operator]
    with pytest.raises(RunError, match=f"{name}: {message}"):
        striate.train(out, resume=True)


def test_a_pickle_in_the_checkpoint_is_not_run(recipe: str, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    out = tmp_path / "run"
    striate.train("digits", net="lenet", recipe=recipe, out=out, epochs=1)
    buffer = io.BytesIO()
    torch.save({"format": 1, "bomb": Bomb()}, buffer)
    content = buffer.getvalue()
    framed = checkpoint.MAGIC + hashlib.sha256(content).digest() + content
    (out / names.STATE).write_bytes(framed)
    with pytest.raises(RunError, match=r"is damaged \(Weights only load failed"):
        striate.train(out, resume=True)
    assert not (tmp_path / "exploded").exists()


def test_settled_flags_cannot_change(whole: Path, recipe: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^`epochs=9`: the run to go on with has 3; leave it out"):
        striate.train(whole, resume=True, epochs=9)
    with pytest.raises(RunError, match="holds a run already; resume it, or choose another folder"):
        striate.train("digits", net="lenet", recipe=recipe, out=whole)
    with pytest.raises(StriateError, match="needs a run"):
        striate.train(resume=True)
    with pytest.raises(RunError, match="there is no such run"):
        striate.train(tmp_path / "nowhere", resume=True)


def test_early_stopping_and_accumulation(tmp_path: Path) -> None:
    recipe = tmp_path / "still.toml"
    recipe.write_text(
        "epochs = 9\n[optimiser]\nrate = 1e-12\n[gradient]\naccumulate = 5\n[early_stopping]\n"
        "patience = 2\n"
    )
    result = striate.train("digits", net="lenet", recipe=str(recipe), out=tmp_path / "run")
    assert result is not None
    assert result.epochs < 9
    assert result.epochs - result.best_epoch == 2


def test_accumulated_gradients_equal_one_large_batch(tmp_path: Path) -> None:
    found = {}
    for name, batch, accumulate in (("large", 128, 1), ("small", 32, 4)):
        recipe = tmp_path / f"{name}.toml"
        recipe.write_text(
            f"epochs = 1\nbatch_size = {batch}\n[optimiser]\nrate = 0.1\nmomentum = 0.0\n"
            f'[schedule]\nname = "constant"\n[gradient]\naccumulate = {accumulate}\n'
            '[augmentation]\ncrop = "none"\nmirror = false\n'
        )
        striate.train("digits", net="lenet", recipe=str(recipe), out=tmp_path / name)
        found[name] = striate.open_run(tmp_path / name).network().state_dict()
    # The last update of an epoch may hold fewer batches; 1,437 images leave the same ones out.
    for key, value in found["large"].items():
        assert torch.allclose(value, found["small"][key], atol=2e-3), key


def test_validation_and_evaluation_are_one_figure(recipe: str, tmp_path: Path) -> None:
    """Same weights, same images: whatever the training steps were computed in."""
    result = striate.train(
        "digits", net="lenet", recipe=recipe, out=tmp_path / "run", epochs=1, precision="bfloat16"
    )
    assert result is not None
    shown = striate.open_run(tmp_path / "run").metrics[1]["validation"]
    assert shown["top1"] == result.top1
    assert shown["top5"] == result.top5
    assert shown["loss"] == pytest.approx(result.loss, rel=1e-5)
    # In the precision of the steps it is another figure: what runs of the first format go on with.
    run = striate.open_run(tmp_path / "run")
    old = replace(run.config, validation_precision="")
    assert old.identity != run.config.identity
