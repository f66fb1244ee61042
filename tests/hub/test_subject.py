"""A network that is to be trained: what is known of it before there are images, and its faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from striate.errors import NetworkError
from striate.hub.subject import name_of, recipe_names, stem_of, subject

OWN = """
import torch
from torch import nn
from blocks import unit

class Net(nn.Module):
    input_size = (3, 24, 24)

    def __init__(self, num_classes=10, in_chans=3):
        super().__init__()
        self.body = unit(in_chans)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x):
        return self.fc(self.body(x))

class Needy(Net):
    def __init__(self, in_channels, classes):
        super().__init__(classes, in_channels)

class Softmax(Net):
    def forward(self, x):
        return torch.softmax(super().forward(x), 1)

class Heads(Net):
    def forward(self, x):
        found = super().forward(x)
        return (found, found) if self.training else found

class Lazy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.LazyConv2d(4, 3))

class Values(Net):
    def forward(self, x):
        found = super().forward(x)
        return found * 2 if found.sum() > 0 else found

class Map(Net):
    def forward(self, x):
        return x

class Grey(Net):
    input_size = (1, 24, 24)

    def __init__(self):
        super().__init__(10, 1)

class Deep(Net):
    input_size = (5, 24, 24)

def two(classes=2, in_channels=3):
    class Two(nn.Module):
        def forward(self, first, second):
            return first
    return Two()

made = Net(4)
"""
BLOCKS = """
from torch import nn

def unit(channels):
    layers = nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*layers)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my net 网.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "blocks.py").write_text(BLOCKS)
    return tmp_path


def test_a_file_s_network_is_made_for_the_classes_and_channels_under_its_own_names(
    folder: Path,
) -> None:
    found = subject(f"{folder}/my net 网.py:Net")
    assert (found.name, found.input) == ("my net 网.py:Net", (3, 24, 24))
    assert [file.name for file in found.files] == ["blocks.py", "my net 网.py"]
    assert (found.in_channels(grey=True), found.in_channels(grey=False)) == (3, 3)
    made: Any = found.make(classes=7, in_channels=3)
    assert made.fc.out_features == 7
    needy: Any = subject(f"{folder}/my net 网.py:Needy").make(classes=3, in_channels=3)
    assert (needy.fc.out_features, needy.body[0].in_channels) == (3, 3)
    assert subject(f"{folder}/my net 网.py:Grey").in_channels(grey=False) == 1
    assert not list(folder.rglob("*.pyc"))


def test_an_instance_of_a_file_is_made_anew_each_time(folder: Path) -> None:
    found = subject(f"{folder}/my net 网.py:made")
    one, two = (found.make(classes=4, in_channels=3) for _ in range(2))
    assert one is not two
    with pytest.raises(NetworkError, match=r"gives 4 outputs, and the images have 5 classes"):
        found.make(classes=5, in_channels=3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Softmax", "ends in a softmax, whose probabilities the loss would take for logits"),
        ("Heads", "gives 2 things in training, not one tensor"),
        (
            "Lazy",
            "has lazy layers, which have no shapes before their first batch; run it on a batch",
        ),
        ("Values", "depends on values, .*; let it do the same with every image: torch.where choos"),
        ("Map", r"gives \(N, 3, 24, 24\) for N images"),
        ("Deep", "takes images of 5 channels"),
        ("two", "takes 2 inputs, not one image"),
        ("Nett", "there is no such name; did you mean 'Net'"),
    ],
)
def test_what_cannot_be_trained_is_refused_without_images(
    folder: Path, name: str, message: str
) -> None:
    with pytest.raises(NetworkError, match=message) as caught:
        subject(f"{folder}/my net 网.py:{name}")
    assert "\n" not in str(caught.value)


def test_a_name_that_a_library_has_is_told_with_its_prefix() -> None:
    with pytest.raises(NetworkError, match="torchvision:convnext_tiny is torchvision's"):
        subject("convnext_tiny")


def test_a_size_that_it_does_not_take_is_refused_without_images(folder: Path) -> None:
    with pytest.raises(NetworkError, match="fails on input of shape"):
        subject(f"{folder}/my net 网.py:Net", size=2)


def test_libraries_networks_are_without_auxiliary_heads() -> None:
    found = subject("torchvision:googlenet", {"dropout": 0.5}, size=64)
    assert found.variant == {"aux_logits": False, "dropout": 0.5}
    assert (found.input, found.in_channels(grey=True)) == ((3, 224, 224), 3)
    for option, remedy in (
        ("num_classes", "as many classes as the images"),
        ("pretrained", "trained weights are asked for with `weights`, or better, by `striate tran"),
    ):
        with pytest.raises(NetworkError, match=remedy):
            subject("torchvision:googlenet", {option: 5})


def test_a_module_is_copied_and_stays_as_it_is() -> None:
    given = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = subject(given)
    assert (found.name, found.input, found.is_code) == ("given:Sequential", (1, 224, 224), True)
    made = found.make(classes=2, in_channels=1)
    assert made is not given
    assert torch.equal(made[0].weight, given[0].weight)  # type: ignore[index, arg-type]
    with pytest.raises(NetworkError, match="is for networks that are made here"):
        subject(given, {"width": 2})
    with pytest.raises(NetworkError, match=r"net <class .*: is no network; give a name, FILE"):
        subject(nn.Linear)  # type: ignore[arg-type]
    with pytest.raises(NetworkError, match="is what a run calls a module; give the module"):
        subject("given:Sequential")
    given.register_buffer("kept", torch.ones(1, requires_grad=True) * 2, persistent=False)
    with pytest.raises(NetworkError, match="cannot be copied"):
        subject(given)


def test_names() -> None:
    assert name_of(nn.Identity()) == "given:Identity"
    assert stem_of("nets/my net 网.py:Net") == "Net"
    assert stem_of("timm:resnet18.a1_in1k") == "resnet18.a1_in1k"
    assert recipe_names("lenet") == ("lenet", "lenet")
    assert recipe_names("timm:resnet18d") == ("timm:resnet18d", "")
    assert recipe_names("torchvision:googlenet") == ("googlenet_bn", "googlenet")
