"""How fast this machine trains a network at a size, before it has to."""

from __future__ import annotations

import copy
from contextlib import closing

import torch
from torch import nn

from striate.support import settings
from striate.training.optimisers import make_optimiser
from striate.training.setup import Setup
from striate.training.time_left import Size
from striate.training.validate import autocast

#: Steps before those that are timed: operators are prepared and memory is fetched in the first.
_WARM = 1


def seconds_a_step(setup: Setup, size: Size, *, most: float | None = None) -> float:
    """Seconds that a training step at `size` takes.

    Some steps are made with a copy of the network, which is thrown away: neither weights nor what
    is drawn later change by it. That there is memory enough for images of this size shows here,
    too, and not after hours.

    Args:
        setup: of a training.
        size: (height, width) in pixels.
        most: seconds to spend; where the first step takes them, it has to do. None: two steps.
    """
    network = copied(setup).train()
    optimiser = make_optimiser(network, setup.recipe.optimiser)
    done, began = 0, setup.now()
    counted = began
    with closing(setup.train.batches(0, stop=1_000, size=size)) as batches:
        for batch in batches:
            settings.seed(setup.seed)
            with autocast(setup.precision, setup.device):
                output = network(batch.inputs(setup.device))
            loss = setup.criterion(output, batch.targets.to(setup.device)).total
            torch.autograd.backward(loss)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            loss.item()  # waits for the device
            done, now = done + 1, setup.now()
            over = most is None or now - began >= most
            if done > _WARM and over:
                break
            if done == _WARM:
                if most is not None and over:
                    return now - began
                counted = now
    return (now - counted) / (done - _WARM)


def seconds_of_validation(setup: Setup, *, most: float) -> float:
    """Seconds that all validation images take, from some of them.

    Args:
        setup: of a training.
        most: seconds to spend; one batch is looked at in any case.
    """
    network = copied(setup).eval()
    done, images, began = 0, 0, setup.now()
    counted, now = began, began
    with closing(setup.validation.batches(0)) as batches, torch.inference_mode():
        for batch in batches:
            with autocast(setup.validation_precision, setup.device):
                network(batch.inputs(setup.device)).sum().item()  # waits for the device
            done, now = done + 1, setup.now()
            over = now - began >= most
            if done == _WARM and not over and setup.validation.steps > _WARM:
                counted = now
                continue
            images += len(batch)
            if over:
                break
    return (now - counted) / max(images, 1) * len(setup.validation.images) / setup.group.world


def copied(setup: Setup) -> nn.Module:
    """The network of `setup` as it is trained, to do with it whatever one likes."""
    network: nn.Module = copy.deepcopy(setup.network).to(setup.device)
    return network.to(memory_format=torch.channels_last)
