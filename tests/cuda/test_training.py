"""Training on a CUDA device: both precisions, to the same bits, cut anywhere."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import striate
from striate.errors import Interrupted, RunError, TrainingError
from striate.runs import layout as names
from striate.training.callbacks.base import BatchEnd, Callback

PRECISIONS = ("float32", "bfloat16")
#: With batch norm and shortcuts; overlapping max pools, concatenation and auxiliary heads; dropout,
#: which draws from the device's generator; streams that are sampled up and down; grouped kernels.
NETWORKS: tuple[dict[str, Any], ...] = (
    {"net": "lenet"},
    {"net": "resnet20"},
    {"net": "googlenet_bn", "variant": {"auxiliary": True}},
    {"net": "vgg11"},
    {"net": "hrnet_w18"},
    {"net": "xception"},
)


def train(photographs: Path, out: Path, device: str, **options: Any) -> Any:
    options = {"net": "resnet20", "size": 32, "epochs": 2, "batch_size": 8, **options}
    return striate.train(photographs, out=out, device=device, **options)


def same(one: Path, two: Path) -> bool:
    exact = (names.WEIGHTS, names.METRICS)
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in exact)


class StopAt(Callback):
    """Sends Ctrl-C to the process at one step."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_batch_end(self, batch: BatchEnd) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_learns_and_says_where(
    photographs: Path, device: str, tmp_path: Path, precision: str
) -> None:
    result = train(photographs, tmp_path / "run", device, precision=precision, epochs=6)
    run = striate.open_run(result.run)
    assert (run.config.device, run.config.precision) == (device, precision)
    best = run.metrics[result.best_epoch]["validation"]
    assert (result.top1, result.loss) == pytest.approx((best["top1"], best["loss"]), abs=1e-5)
    losses = [line["train"]["loss"] for line in run.metrics[1:]]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0]
    assert result.top1 > 1 / 3, "three classes of one colour each are no better told apart"
    assert all(value.device.type == "cpu" for value in run.network().state_dict().values())


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({**options, "precision": precision}, id=f"{options['net']}-{precision}")
        for options in NETWORKS
        for precision in PRECISIONS
    ],
)
def test_a_run_that_was_cut_ends_in_the_same_bits(
    photographs: Path,
    device: str,
    tmp_path: Path,
    options: dict[str, Any],
) -> None:
    train(photographs, tmp_path / "whole", device, **options)
    with pytest.raises(Interrupted):
        train(photographs, tmp_path / "cut", device, callbacks=[StopAt(5)], **options)
    assert len(striate.open_run(tmp_path / "cut").metrics) < 3
    torch.rand(3, device=device)  # the device's generator stands elsewhere than in the first run
    striate.train(tmp_path / "cut", resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")


def test_a_killed_process_ends_in_the_same_bits(
    photographs: Path, device: str, tmp_path: Path
) -> None:
    """Another process: another context, other addresses, other warm-up of the device."""
    command = [sys.executable, "-m", "striate", "train", str(photographs), "--net", "resnet20"]
    command += ["--size", "32", "--epochs", "4", "--batch-size", "8", "--device", device]
    command += ["--checkpoint-minutes", "0.0001", "--resume", "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "whole")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    out = tmp_path / "cut"
    process = subprocess.Popen([*command, str(out)], stderr=subprocess.PIPE)
    while process.poll() is None and not (out / names.STATE).exists():
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    done = subprocess.run([*command, str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert same(tmp_path / "whole", out)


def test_the_device_is_as_before(photographs: Path, device: str, tmp_path: Path) -> None:
    cudnn = torch.backends.cudnn
    torch.rand(1, device=device)
    settings = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    state = torch.get_rng_state() if device == "cpu" else torch.cuda.get_rng_state()
    train(photographs, tmp_path / "run", device, epochs=1)
    assert settings == (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    now = torch.get_rng_state() if device == "cpu" else torch.cuda.get_rng_state()
    assert torch.equal(state, now)


def test_a_loss_that_is_not_finite_is_seen(photographs: Path, device: str, tmp_path: Path) -> None:
    """On a device the loss is not read at every step; the sums show it, before anything is kept."""
    wild = tmp_path / "wild.toml"
    wild.write_text('epochs = 2\n[optimiser]\nrate = 1e30\n[schedule]\nname = "constant"\n')
    options = {"recipe": str(wild), "epochs": None, "batch_size": None}
    with pytest.raises(TrainingError, match="not finite"):
        train(photographs, tmp_path / "run", device, **options)
    assert not (tmp_path / "run" / names.WEIGHTS).exists()


def test_a_run_goes_on_where_it_began(photographs: Path, device: str, tmp_path: Path) -> None:
    if device == "cpu":
        pytest.skip("there is no second device")
    train(photographs, tmp_path / "run", device, epochs=1)
    with pytest.raises(RunError, match="cuda"):
        striate.train(tmp_path / "run", resume=True, device="cpu")


def launched(photographs: Path, out: Path, device: str, processes: int) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(processes), "-m", "striate", "train", str(photographs)),
            *("--net", "resnet20", "--size", "32", "--epochs", "2", "--batch-size", "8"),
            *("--device", device, "--out", str(out), "--json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_one_process_of_torchrun_is_a_process(
    photographs: Path, device: str, tmp_path: Path
) -> None:
    launched(photographs, tmp_path / "launched", device, 1)
    striate.train(
        photographs,
        net="resnet20",
        size=32,
        epochs=2,
        batch_size=8,
        device=device,
        out=tmp_path / "plain",
    )
    if device == "cuda":  # on a processor the number of threads is another
        assert same(tmp_path / "launched", tmp_path / "plain")


def test_two_processes_leave_the_device_alone(photographs: Path, tmp_path: Path) -> None:
    """On the processor, on a machine that has one device and not two."""
    assert launched(photographs, tmp_path / "two", "cpu", 2)["epochs"] == 2
    assert striate.open_run(tmp_path / "two").config.world == 2
