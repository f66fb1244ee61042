"""What a user would write by hand instead of ``striate transfer``: each side in its own process.

``python transfer_sides.py SIDE JSON`` prints one line of JSON. Both sides take the images from
``train/`` and ``val/`` by torchvision's `ImageFolder`, as the PyTorch tutorials do, and know
nothing of Striate but how to make the same network with the same weights.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import datasets, transforms

WORKERS = 2


def backbone(given: dict[str, Any]) -> nn.Module:
    """The network without its classifier, weights loaded: images to embeddings, float32."""
    from striate.transfer_learning.backbone import open_backbone

    return open_backbone(given["backbone"], given["weights"]).network.eval()


def evaluation_transform(given: dict[str, Any]) -> transforms.Compose:
    how = transforms.InterpolationMode(given["interpolation"])
    return transforms.Compose(
        [
            transforms.Resize(given["resize"], interpolation=how),
            transforms.CenterCrop(given["size"]),
            transforms.ToTensor(),
            transforms.Normalize(given["mean"], given["std"]),
        ]
    )


def features(given: dict[str, Any]) -> dict[str, Any]:
    """Embeddings of every image by PyTorch in float32, and nothing else."""
    network = backbone(given)
    parts = [
        datasets.ImageFolder(str(Path(given["data"]) / part), evaluation_transform(given))
        for part in ("train", "val")
    ]
    loader: DataLoader[Any] = DataLoader(ConcatDataset(parts), batch_size=32, num_workers=WORKERS)
    began = time.perf_counter()
    images = 0
    with torch.inference_mode():
        for inputs, _ in loader:
            images += len(network(inputs))
    return {"images": images, "seconds": time.perf_counter() - began}


def tutorial(given: dict[str, Any]) -> dict[str, Any]:
    """*Transfer learning for computer vision*, the frozen network, until it is as good.

    Batches of 4, SGD at 0.001 with momentum 0.9, the rate divided by 10 every 7 epochs, random
    resized crops and flips; the clock runs from before the network is made to the end of the epoch
    that reached the accuracy, of the last one allowed, or of the seconds allowed.
    """
    began = time.perf_counter()
    network = backbone(given)
    network.requires_grad_(requires_grad=False)
    augmented = transforms.Compose(
        [
            transforms.RandomResizedCrop(given["size"]),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(given["mean"], given["std"]),
        ]
    )
    train = datasets.ImageFolder(str(Path(given["data"]) / "train"), augmented)
    held = datasets.ImageFolder(str(Path(given["data"]) / "val"), evaluation_transform(given))
    batches = DataLoader(train, batch_size=4, shuffle=True, num_workers=WORKERS)
    judged = DataLoader(held, batch_size=4, num_workers=WORKERS)
    with torch.inference_mode():
        width = network(next(iter(judged))[0]).shape[1]
    head = nn.Linear(width, len(train.classes))
    optimiser = torch.optim.SGD(head.parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=7, gamma=0.1)
    criterion = nn.CrossEntropyLoss()
    reached: list[float] = []
    for _ in range(given["epochs"]):
        head.train()
        for inputs, labels in batches:
            if time.perf_counter() - began > given["most_seconds"]:
                break
            optimiser.zero_grad()
            with torch.no_grad():
                embedding = network(inputs)
            criterion(head(embedding), labels).backward()
            optimiser.step()
        schedule.step()
        hits = 0
        with torch.inference_mode():
            for inputs, labels in judged:
                hits += int((head(network(inputs)).argmax(1) == labels).sum())
        reached.append(hits / len(held))
        spent = time.perf_counter() - began
        if reached[-1] >= given["accuracy"] or spent > given["most_seconds"]:
            break
    return {
        "seconds": time.perf_counter() - began,
        "epochs": len(reached),
        "accuracy": max(reached),
        "reached": max(reached) >= given["accuracy"],
    }


def start_up(_given: dict[str, Any]) -> dict[str, Any]:
    """All that a transfer imports, and no more; timed from outside."""
    wanted = (
        "striate.transfer_learning.finish",
        "striate.transfer_learning.transfer",
        "striate.report.build",
        "striate.deploy.export",
        "torch.onnx",
        "timm",
        "openvino",
        "onnx",
        "onnxruntime",
    )
    return {"modules": [importlib.import_module(name).__name__ for name in wanted]}


SIDES = {"features": features, "tutorial": tutorial, "start-up": start_up}

if __name__ == "__main__":
    print(json.dumps(SIDES[sys.argv[1]](json.loads(sys.argv[2]))))
