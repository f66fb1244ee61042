"""A small network that tells colours, trained in a second, exported, and photographs for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing
from striate.deploy.export import export_run
from striate.engines.capture import GraphOptions, capture
from striate.engines.exported import ExportedFile, open_exported
from striate.engines.probabilities import Probabilities

CLASSES = ("blue", "green", "red")
PREPROCESSING = Preprocessing(
    resize=20, height=16, width=16, mean=(0.48, 0.45, 0.4), std=(0.22, 0.23, 0.24)
)


class Small(nn.Module):
    """A shortcut, a depthwise layer, pooling and a classifier: what quantisers trip over."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.point = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 12, 3, padding=1)
        self.classifier = nn.Linear(12, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.point(nn.functional.relu6(self.depthwise(x))))
        x = torch.relu(self.last(x))
        return self.classifier(x.mean((2, 3)))


@dataclass
class FakeRun:
    """The part of a run that exporting uses."""

    trained: nn.Module
    preprocessing: Preprocessing = PREPROCESSING
    classes: tuple[str, ...] = CLASSES
    config: Any = field(
        default_factory=lambda: SimpleNamespace(
            network="small <b>", variant={}, identity="ab" * 32, epochs=3
        )
    )
    epochs_done: int = 3
    temperature: float = 1.0
    has_members: bool = False
    targets: tuple[()] = ()
    answers_numbers: bool = False

    def network(self) -> nn.Module:
        return self.trained


def trained(folder: Path) -> nn.Module:
    """The network after a few steps on the photographs in `folder`."""
    from striate.data.decoding.decode import decode

    torch.manual_seed(0)
    network = Small()
    pictures, labels = [], []
    for label, name in enumerate(CLASSES):
        for file in sorted((folder / name).glob("*.jpg")):
            pictures.append(PREPROCESSING.fit_image(decode(file)))
            labels.append(label)
    inputs = PREPROCESSING.normalise(torch.from_numpy(np.stack(pictures)))
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(inputs), torch.tensor(labels)).backward()
        optimiser.step()
    return network.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="session")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, four images of each to train on and eight to measure on."""
    folder = tmp_path_factory.mktemp("quantise") / "photo graphs"
    for name in CLASSES:
        for part in ("train", "val"):
            (folder / part / name).mkdir(parents=True)
        for number, file in enumerate(sorted((photographs / name).glob("*.jpg"))):
            shutil.copy(file, folder / ("val" if number % 3 else "train") / name)
    return folder


@pytest.fixture(scope="session")
def network(pictures: Path) -> nn.Module:
    """Trained."""
    return trained(pictures / "train")


def noise(count: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 30, 25, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def exported(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> ExportedFile:
    """A float file of the network; nothing may be changed in it."""
    folder = tmp_path_factory.mktemp("exported")
    run: Any = FakeRun(network)
    report = export_run(run, folder / "small.onnx", list(noise(2)), capture="trace")
    return open_exported(report.file)


def captured(module: nn.Module, *shape: int, way: Any = "trace") -> onnx.ModelProto:
    """`module` with a softmax behind, as a graph of any batch."""
    options = GraphOptions(input_name="x", output_name="p", capture=way)
    example = torch.zeros(2, *shape)
    return capture(Probabilities(module).eval(), example, {0: "batch"}, options)


@pytest.fixture(name="captured", scope="session")
def _captured() -> Callable[..., onnx.ModelProto]:
    """From a module and the shape of an image to a graph."""
    return captured


@pytest.fixture(scope="session")
def make_small() -> type[Small]:
    """An untrained network of the kind."""
    return Small
