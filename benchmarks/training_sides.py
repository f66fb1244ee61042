"""The two sides of `training.py`, each in a process of its own: Striate, and the loop by hand."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from striate.training.callbacks.base import Callback, EpochEnd, TrainBegin

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GO, READY = "go", "ready"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What both sides train."""

    network: str
    size: int
    channels: int
    images: int
    classes: int
    batch_size: int
    crop: str
    rival: str
    """``tutorial`` or ``bare``."""
    wanted: float
    """The least ratio of Striate's images a second to the rival's."""


CASES = {
    "resnet18": Case(network="resnet18", size=224, channels=3, images=480, classes=5,
                     batch_size=32, crop="resized", rival="tutorial", wanted=1.8),
    "resnet20": Case(network="resnet20", size=32, channels=3, images=6400, classes=10,
                     batch_size=128, crop="padded", rival="tutorial", wanted=1.8),
    "lenet": Case(network="lenet", size=32, channels=1, images=38400, classes=10,
                  batch_size=128, crop="none", rival="bare", wanted=0.95),
}  # fmt: skip


def turns() -> Iterator[None]:
    """Wait for the word to do the next epoch; end when there is none. Nothing else is on stdout."""
    for line in sys.stdin:
        if line.strip() == GO:
            yield


def answer(word: str) -> None:
    sys.__stdout__.write(word + "\n")
    sys.__stdout__.flush()


def rival_epochs(epoch: Callable[[], None]) -> None:
    answer(READY)
    for _ in turns():
        began = time.perf_counter()
        epoch()
        answer(str(time.perf_counter() - began))


def tutorial(case: Case, folder: Path) -> None:
    """The loop of the PyTorch tutorials."""
    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader, Dataset
    from torchvision import datasets, transforms

    import striate

    crop = (
        transforms.RandomResizedCrop(case.size)
        if case.crop == "resized"
        else transforms.RandomCrop(case.size, padding=4)
    )
    transform = transforms.Compose(
        [crop, transforms.RandomHorizontalFlip(), transforms.ToTensor(),
         transforms.Normalize(MEAN, STD)]
    )  # fmt: skip

    class InMemory(Dataset[Any]):
        """As torchvision's CIFAR10: arrays in memory, a picture made of each on request."""

        def __init__(self) -> None:
            files = datasets.ImageFolder(str(folder / "train"))
            self.data = [np.asarray(files[i][0]) for i in range(len(files))]
            self.targets = files.targets

        def __len__(self) -> int:
            return len(self.data)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            return transform(Image.fromarray(self.data[index])), self.targets[index]

    trainset: Dataset[Any] = (
        InMemory() if case.size <= 64 else datasets.ImageFolder(str(folder / "train"), transform)
    )
    trainloader = DataLoader(trainset, batch_size=case.batch_size, shuffle=True, num_workers=2)
    net = striate.create(case.network, classes=case.classes)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    torch.manual_seed(0)
    net.train()

    def epoch() -> None:
        running_loss = 0.0
        for inputs, labels in trainloader:
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()

    rival_epochs(epoch)


def bare(case: Case, folder: Path) -> None:
    """The shortest loop that trains on tensors in memory."""
    import torch
    from torch.nn import functional as F

    import striate

    pixels = np.fromfile(folder / "train-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(folder / "train-labels-idx1-ubyte", np.uint8, offset=8)
    images = torch.from_numpy(pixels.reshape(-1, 1, case.size, case.size))
    targets = torch.from_numpy(labels.astype(np.int64))
    network = striate.create(case.network, classes=case.classes).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    torch.manual_seed(0)

    def epoch() -> None:
        for batch in torch.randperm(len(images)).split(case.batch_size):
            inputs = (images[batch].float() / 255 - MEAN[0]) / STD[0]
            loss = F.cross_entropy(network(inputs), targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    rival_epochs(epoch)


class Turns(Callback):
    """Tells the time of each of Striate's epochs, and holds the next back until it is wanted."""

    def __init__(self) -> None:
        self.turns = turns()
        self.began = 0.0

    def on_train_begin(self, training: TrainBegin) -> None:
        answer(READY)
        self.wait()

    def on_epoch_end(self, epoch: EpochEnd) -> None:
        answer(str(time.perf_counter() - self.began))
        self.wait()

    def wait(self) -> None:
        next(self.turns, None)
        self.began = time.perf_counter()


RECIPE = """
name = "benchmark"
epochs = {epochs}
batch_size = {case.batch_size}

[optimiser]
name = "sgd"
rate = 0.01
momentum = 0.9

[schedule]
name = "constant"

[augmentation]
crop = "{case.crop}"
horizontal_flip = {flip}

[preprocessing]
statistics = "given"
mean = {mean}
std = {std}
"""


def striate_side(case: Case, folder: Path, epochs: int) -> None:
    """Striate as it comes, with the rival's optimiser and augmentation as its recipe."""
    from striate.training.distributed import Group
    from striate.training.options import TrainOptions
    from striate.training.plan import plan

    recipe = folder / "recipe.toml"
    recipe.write_text(
        RECIPE.format(
            case=case,
            epochs=epochs,
            flip="true" if case.rival == "tutorial" else "false",
            mean=list(MEAN[: case.channels]),
            std=list(STD[: case.channels]),
        )
    )
    options = TrainOptions(
        data=str(folder),
        net=case.network,
        recipe=str(recipe),
        size=case.size,
        out=folder.with_name(f"{folder.name}-run"),
        callbacks=[Turns()],
    )
    plan(options, group=Group()).training.run()


RIVALS = {"tutorial": tutorial, "bare": bare}


def run_side(side: str, case: Case, folder: Path, epochs: int) -> None:
    # What a library prints must not be taken for an answer.
    sys.stdout = sys.stderr
    if side == "striate":
        striate_side(case, folder, epochs)
    else:
        RIVALS[side](case, folder)
