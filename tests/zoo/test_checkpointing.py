"""Checkpointing changes memory and nothing else; the thousand-layer networks take a step."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import striate

STEP = """
import re, sys, torch
import torch.nn.functional as F
import striate

def peak():
    # Not ru_maxrss, which a process inherits from the one that started it.
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])

name, checkpointing = sys.argv[1], sys.argv[2] == "True"
torch.manual_seed(0)
network = striate.create(name, checkpointing=checkpointing)
optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
images, labels = torch.randn(16, 3, 32, 32), torch.arange(16) % 10
before = peak()
loss = F.cross_entropy(network(images), labels)
loss.backward()
optimiser.step()
after = peak()
print(before // 1024, after // 1024, loss.item())
"""


def one_step(checkpointing: bool, **variant: object) -> dict[str, torch.Tensor]:
    """Everything that one training step leaves behind."""
    torch.manual_seed(0)
    network = striate.create(checkpointing=checkpointing, classes=4, **variant).train()
    images, labels = torch.randn(4, 3, 16, 16), torch.arange(4)
    loss = F.cross_entropy(network(images), labels)
    loss.backward()
    left = {"loss": loss.detach()}
    left |= {f"{key}.grad": value.grad for key, value in network.named_parameters()}
    return left | dict(network.named_buffers())


@pytest.mark.parametrize(
    "variant",
    [
        {"name": "resnet32"},
        {"name": "resnet20", "attention": "cbam"},
        {"name": "preact_resnet110"},
        {"name": "plain20"},
    ],
    ids=lambda variant: variant["name"],
)
def test_a_step_leaves_the_same_bits_behind(variant: dict) -> None:
    plain, checkpointed = one_step(False, **variant), one_step(True, **variant)
    assert plain.keys() == checkpointed.keys()
    for key, value in plain.items():
        assert torch.equal(value, checkpointed[key]), key
        assert not key.endswith("num_batches_tracked") or value == 1


def test_the_blocks_run_twice_in_training_and_once_otherwise() -> None:
    network = striate.create("resnet20", checkpointing=True)
    runs = []
    network.stage2[1].register_forward_pre_hook(lambda *_: runs.append(1))
    images = torch.randn(2, 3, 16, 16)
    network(images).sum().backward()
    assert len(runs) == 2
    with torch.no_grad():
        network(images)
    assert len(runs) == 3


def test_the_state_is_that_of_a_network_without() -> None:
    with torch.device("meta"):
        networks = [striate.create("resnet20", checkpointing=choice) for choice in (False, True)]
    first, second = (list(network.state_dict()) for network in networks)
    assert first == second


def kept(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """The tensors that autograd keeps for the backward pass: weights apart, each once."""
    weights = {id(each) for each in network.parameters()}
    found = {}

    def pack(value: torch.Tensor) -> torch.Tensor:
        if id(value) not in weights:
            found[id(value)] = value
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        network(images)
    return list(found.values())


def test_a_feature_map_is_kept_for_every_group_of_blocks() -> None:
    """What memory hangs on, counted: it is the same on every machine, as a process's size is not.

    Of the first stage, whose maps of 8×8 are the largest and no other stage's.
    """
    counts = []
    for checkpointing in (False, True):
        network = striate.create("resnet110", checkpointing=checkpointing).train()
        found = kept(network, torch.randn(2, 3, 8, 8))
        counts.append(sum(each.shape[2:] == (8, 8) for each in found))
    blocks = len(network.stage1)
    groups = math.ceil(blocks / math.isqrt(blocks))
    assert counts[0] >= 4 * blocks  # of two convolutions and two normalisations each
    assert counts[1] == groups + 3  # the image, the stem's convolution, the next stage's input


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "megabytes"), [("resnet1202", (3000, 2000)), ("preact_resnet1001", (4000, 1700))]
)
def test_a_thousand_layers_take_a_step_in_the_memory_that_the_documentation_states(
    name: str, megabytes: tuple[int, int]
) -> None:
    losses, peaks = [], []
    for checkpointing, most in zip((False, True), megabytes, strict=True):
        command = [sys.executable, "-c", STEP, name, str(checkpointing)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        _, after, loss = done.stdout.split()
        losses.append(loss)
        peaks.append(int(after))
        # The allocator and the processor's libraries take a few hundred megabytes more or less.
        assert peaks[-1] < most
    assert peaks[1] < 0.75 * peaks[0]
    assert losses[0] == losses[1]
