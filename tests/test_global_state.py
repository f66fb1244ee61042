"""Every public function leaves the process as it was: that is the caller's, who goes on in it."""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import logging
import os
import pkgutil
import random
import shutil
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from safetensors.torch import save_file
from threadpoolctl import threadpool_info
from torch import nn

import striate
from striate.errors import Interrupted
from striate.training.loop import Training
from striate.zoo.yolov4 import YOLOv4Tiny


class Small(nn.Sequential):
    """A module as somebody has it in hand: half trained, with a hook, a frozen layer, a mode."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            super().__init__(
                nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Conv2d(4, 2, 3)
            )
        self.input_size = (3, 16, 16)
        self.called = 0
        self[0].register_forward_hook(self._count)
        self[1].eval()
        self[3].weight.requires_grad_(False)
        self[3].weight.grad = torch.ones(2, 4, 3, 3)

    def _count(self, *_: object) -> None:
        self.called += 1


def picture(folder: Path) -> Path:
    pixels = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    Image.fromarray(pixels).save(folder / "picture.png")
    return folder / "picture.png"


class Given(NamedTuple):
    """What a case may use: a run, photographs, and an empty folder of its own."""

    run: Path
    photographs: Path
    out: Path


def train(photographs: Path, out: Path) -> Any:
    return striate.train(photographs, net="resnet20", size=16, epochs=1, out=out)


def transfer(given: Given) -> Any:
    return striate.transfer(
        given.photographs,
        backbone=given.run,
        out=given.out / "run",
        cache=given.out / "cache",
        freeze=0,
        epochs=1,
        export=False,
    )


def compare_runs(given: Given) -> Any:
    other = shutil.copytree(given.run, given.out / "other")
    (other / "predictions.safetensors").unlink()  # so that they have to be computed
    return striate.compare_runs([given.run, other], output=given.out / "page.html")


def ensemble(given: Given) -> Any:
    other = shutil.copytree(given.run, given.out / "other")
    return striate.ensemble([given.run, other], out=given.out / "run")


def experiment(given: Given) -> Path:
    return striate.run_experiment("convolution-backwards", quick=True, out=given.out / "lab").folder


def detector(given: Given) -> Path:
    """A file of weights, without a draw of everybody's generators."""
    with torch.device("meta"):
        network = YOLOv4Tiny(classes=1)
    network.to_empty(device="cpu")
    own = torch.Generator().manual_seed(0)
    state = {
        name: torch.rand(each.shape, generator=own) / (1 if name.endswith("var") else 20)
        for name, each in network.state_dict().items()
    }
    save_file(state, given.out / "tiny.safetensors")
    return given.out / "tiny.safetensors"


def evaluate_detector(given: Given) -> Any:
    boxes = given.out / "boxes"
    boxes.mkdir()
    image = {"id": 1, "file_name": picture(boxes).name, "width": 32, "height": 32}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    told = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "class 0"}]}
    (boxes / "boxes.json").write_text(json.dumps(told))
    return striate.evaluate_detector(detector(given), boxes, size=32)


#: What is public and not here fails a test.
CASES: dict[str, Callable[[Given], Any]] = {
    "bench": lambda given: striate.bench(given.run, seconds=0.01),
    "cache": lambda given: striate.cache(given.out),
    "compare_runs": compare_runs,
    "calibrate": lambda given: striate.calibrate(given.run, off=True),
    "list_runs": lambda given: str(striate.list_runs(given.run.parent)),
    "list_experiments": lambda _given: str(striate.list_experiments()),
    "list_networks": lambda _given: striate.list_networks(),
    "check": lambda given: striate.check(given.photographs),
    "compare": lambda given: striate.compare(["lenet", Small(), given.run], timed=True),
    "create": lambda _given: striate.create("lenet"),
    "create_run": lambda given: striate.create_run("lenet", given.out / "run"),
    "detect": lambda given: list(striate.detect(detector(given), picture(given.out), size=32)),
    "ensemble": ensemble,
    "evaluate": lambda given: striate.evaluate(given.run),
    "evaluate_detector": evaluate_detector,
    "explain_prediction": lambda given: striate.explain_prediction(given.run, picture(given.out)),
    "explain": lambda _given: striate.explain(Small(), "3"),
    "export": lambda given: striate.export(given.run, given.out / "lenet.onnx"),
    "export_detector": lambda given: striate.export_detector(
        detector(given), given.out / "tiny.onnx", size=32
    ),
    "open_classifier": lambda given: striate.open_classifier(given.run).probabilities(
        picture(given.out)
    ),
    "open_predictor": lambda given: striate.open_predictor(given.run).numbers(picture(given.out)),
    "open_run": lambda given: striate.open_run(given.run).network(),
    "predict": lambda given: striate.predict(given.run, picture(given.out)),
    "predict_bulk": lambda given: striate.predict_bulk(
        given.run, picture(given.out).parent, given.out / "predictions"
    ),
    "recipe": lambda _given: striate.recipe("modern", net="resnet20"),
    "report_experiment": lambda given: striate.report_experiment(experiment(given)),
    "run_experiment": experiment,
    "show": lambda given: str(striate.show(given.run, mistakes=True)),
    "table": lambda _given: striate.table(Small()),
    "train": lambda given: train(given.photographs, given.out / "run"),
    "transfer": transfer,
    "view": lambda given: striate.view(
        given.run, given.out / "view.html", image=picture(given.out)
    ),
    "what_if": lambda _given: striate.what_if("5x5 128->256 @100x100"),
}
#: One needs a run of numbers, one more images than there are here, and one ends with its process.
ELSEWHERE = ("open_regressor", "quantise", "serve")
SLOW = ("bench", "export", "export_detector")
#: Their weights follow `torch.manual_seed`, which is the caller's to call.
DRAWING = ("create",)


def generators() -> dict[str, Any]:
    return {
        "torch's generator": torch.get_rng_state().tolist(),
        "NumPy's generator": [str(part) for part in np.random.get_state()],
        "Python's generator": random.getstate(),
    }


def settings() -> dict[str, Any]:
    """What belongs to the process and no single caller."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    loggers = {"": logging.root, **logging.root.manager.loggerDict}
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "other libraries' threads": {
            pool["filepath"]: pool["num_threads"] for pool in threadpool_info()
        },
        "cuDNN": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "products": (matmul.allow_tf32, torch.get_float32_matmul_precision()),
        "oneDNN": torch.backends.mkldnn.enabled,
        "determinism": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "default type and device": (torch.get_default_dtype(), torch.get_default_device()),
        "modes": (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
            torch.is_anomaly_enabled(),
        ),
        "modules' calls": nn.Module.__call__,
        "everybody's hooks": {
            name: len(hooks)
            for name, hooks in vars(nn.modules.module).items()
            if name.startswith("_global_") and isinstance(hooks, Mapping)
        },
        "printing": (np.get_printoptions(), repr(torch.tensor([1 / 3, 1e9]))),
        "NumPy's errors": np.geterr(),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "logging": {
            name: (each.level, each.disabled, each.propagate)
            for name, each in loggers.items()
            if isinstance(each, logging.Logger)
        },
        "logging as a whole": (logging.root.manager.disable, list(logging.root.handlers)),
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "environment": dict(os.environ),
        "folder": (Path.cwd(), umask),
        "imports": (list(sys.path), list(sys.meta_path), sys.dont_write_bytecode),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "open ends": [(os.fstat(end).st_dev, os.fstat(end).st_ino) for end in (0, 1, 2)],
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled()),
        "sockets": socket.getdefaulttimeout(),
        "Pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs. A table of loggers or libraries may have grown by what was imported late."""
    found = []
    for name in before:
        old, new = (
            whole[name] if isinstance(whole[name], dict) else {"": whole[name]}
            for whole in (before, after)
        )
        keys = set(old) | set(new) if name == "environment" else set(old)
        for key in keys:
            if old.get(key) != new.get(key):
                found.append(f"{name} {key}: {old.get(key)!s:.200} became {new.get(key)!s:.200}")
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """A trained run. All libraries are loaded: what their import changes is theirs to change."""
    for package in ("onnx", "onnxruntime", "onnxscript", "openvino", "sklearn.svm", "torchvision"):
        importlib.import_module(package)
    for module in pkgutil.walk_packages(striate.__path__, "striate."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return train(photographs, tmp_path_factory.mktemp("state") / "run").run


@pytest.fixture
def given(run: Path, photographs: Path, tmp_path: Path) -> Given:
    return Given(run, photographs, tmp_path)


@pytest.fixture
def unusual() -> Any:
    """Other settings than those that a fresh process has: what is put back is what was there."""
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(3)
    torch.backends.cudnn.benchmark = True
    socket.setdefaulttimeout(77)
    with warnings.catch_warnings():
        warnings.simplefilter("once", UnicodeWarning)
        yield
    socket.setdefaulttimeout(None)
    torch.backends.cudnn.benchmark = benchmark
    torch.set_num_threads(threads)


def test_every_public_function_is_among_them() -> None:
    functions = {name for name in striate.__all__ if inspect.isfunction(getattr(striate, name))}
    assert {*CASES, *ELSEWHERE} == functions


@pytest.mark.usefixtures("unusual")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in sorted(CASES)],
)
def test_the_process_is_as_before(name: str, given: Given) -> None:
    before, drawn = settings(), generators()
    CASES[name](given)
    assert changed(before, settings()) == []
    if name not in DRAWING:
        assert changed(drawn, generators()) == []


@pytest.mark.usefixtures("unusual")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("name", ["train", "transfer"])
def test_the_process_is_as_before_what_failed(
    name: str, error: type[BaseException], given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Training, "_update", fail)
    before, drawn = settings(), generators()
    with pytest.raises((error, Interrupted)):
        CASES[name](given)
    assert changed(before, settings()) == []
    assert changed(drawn, generators()) == []


@pytest.mark.parametrize(
    "look",
    [
        striate.table,
        lambda network: striate.explain(network, "3"),
        lambda network: striate.compare([network, network], timed=True),
    ],
    ids=["table", "explain", "compare"],
)
def test_a_module_is_as_before(look: Callable[[nn.Module], Any]) -> None:
    network = Small()
    before = described(network)
    look(network)
    assert described(network) == before


def test_a_module_that_is_shown_is_as_before(tmp_path: Path) -> None:
    network = Small()
    before = described(network)
    striate.view(network, tmp_path / "view.html", against=network, image=picture(tmp_path))
    assert described(network) == before


def described(network: nn.Module) -> dict[str, Any]:
    """All that a look could change: values, places, gradients, modes, hooks, other attributes."""
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {
        "tensors": {
            name: (id(each), each.data_ptr(), each._version, each.device, each.dtype)
            for name, each in tensors.items()
        },
        "values": {name: each.tolist() for name, each in tensors.items()},
        "gradients": {
            name: (each.requires_grad, None if each.grad is None else each.grad.tolist())
            for name, each in tensors.items()
        },
        "modes": {name: each.training for name, each in network.named_modules()},
        "hooks": {
            (name, kind): len(hooks)
            for name, each in network.named_modules()
            for kind, hooks in vars(each).items()
            if kind.endswith("hooks")
        },
        "attributes": {name: sorted(vars(each)) for name, each in network.named_modules()},
    }
