"""A network that several processes train together: in turns, at once, or apart for a while.

Every worker is a process with its share of the images, and trains by the product's own loop. What
it does with the others happens around its optimiser's steps, by torch.distributed over loopback:

- in turns (asynchronous SGD): weights go from one worker to the next, as from a parameter server
  that serves one at a time. A worker's gradient is of the weights that it had at its last turn, and
  is applied to those that all have come to since. Turns come in a fixed order or in one that the
  seed draws, and not as processes happen to be ready: the result is the same every time.
- at once (synchronous SGD): the mean of all gradients.
- apart (local SGD): each by itself; now and then all go on from the mean of their weights.
"""

from __future__ import annotations

import random
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from striate.lab.experiment import Conditions
from striate.lab.learning import accuracy, images_of, learn, preprocessed, recipe_for
from striate.lab.processes import together
from striate.recipes.recipe import Recipe
from striate.runs.weights import digest
from striate.support import settings

#: This, and what torch's optimisers load at their first step, which takes longer than all the rest.
PRELOAD = (__name__, "torch._dynamo")

Way: TypeAlias = Literal["in turns", "in drawn turns", "at once", "apart"]


@dataclass(frozen=True, kw_only=True)
class Team:
    """Workers that train one network.

    Attributes:
        workers: how many processes.
        way: see the module.
        apart: of those that are apart, after how many steps they meet.
        batch: images of a worker's step.
    """

    workers: int
    way: Way = "in turns"
    apart: int = 1
    batch: int = 32

    def steps(self, images: int) -> int:
        """Those of each worker in an epoch of so many images, of which a rest is left out."""
        return images // self.workers // self.batch

    def seen(self, images: int) -> int:
        """How many of so many images all of them see in an epoch."""
        return self.workers * self.steps(images) * self.batch

    def turns(self, steps: int, seed: int) -> list[int]:
        """Whose turn it is, one step after another, of workers that make so many steps each."""
        found = list(range(self.workers)) * steps
        if self.way == "in drawn turns":
            random.Random(seed).shuffle(found)
        return found


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a team learns.

    Attributes:
        make: from the number of classes to the network; a function that a process can be sent.
        change: what is done otherwise than the recipe has it; likewise.
        conditions: whose images are trained on.
        seed: of first weights, order, and drawn turns.
        size: side of the network's input in pixels.
    """

    make: Callable[[int], nn.Module]
    change: Callable[[Recipe], Recipe]
    conditions: Conditions
    seed: int
    size: int


@dataclass(frozen=True, kw_only=True)
class TaughtTogether:
    """What a team came to.

    Attributes:
        train: accuracy on the images that were trained on, as they are, with the last weights.
        val: the same on those held out.
        ages: of each worker's steps, how many steps of others the gradient did not know of.
        digest: of the last weights.
        diverged: whether a number was not finite any more; then accuracies are those of a guess.
    """

    train: float
    val: float
    ages: tuple[tuple[int, ...], ...]
    digest: str = ""
    diverged: bool = False

    @property
    def age(self) -> float:
        """The mean of all ages; 0 of a team that diverged, whose processes end as they can."""
        all_of_them = [age for each in self.ages for age in each]
        return sum(all_of_them) / max(len(all_of_them), 1)


def teach_together(team: Team, task: Task) -> TaughtTogether:
    """Have `team` learn `task`, each worker in a process of its own, with one thread."""
    found: dict[int, _Ended] = {}
    work = partial(_work, team, task)
    with (
        settings.environment(_over_loopback()),
        together(work, team.workers, PRELOAD) as told,
    ):
        for rank, ended in told:
            found[rank] = ended
            if ended.diverged:  # and the others wait for it
                chance = 1 / len(images_of(task.conditions).classes)
                return TaughtTogether(train=chance, val=chance, ages=(), diverged=True)
    train, val = found[0].accuracies
    ages = tuple(found[rank].ages for rank in range(team.workers))
    return TaughtTogether(train=train, val=val, ages=ages, digest=found[0].digest)


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """What a worker tells at its end: its gradients' ages; the first one, what all came to."""

    ages: tuple[int, ...] = ()
    accuracies: tuple[float, float] = (0.0, 0.0)
    digest: str = ""
    diverged: bool = False


def _over_loopback() -> dict[str, str]:
    """What keeps the processes' talk on this machine, where its loopback has the usual name."""
    names = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    return {"GLOO_SOCKET_IFNAME": names[0]} if names else {}


def _work(team: Team, task: Task, rank: int) -> _Ended:
    """One worker, from the first step to the last."""
    met = Path(tempfile.gettempdir(), "met").as_uri()  # which is one folder for all of them
    dist.init_process_group("gloo", init_method=met, rank=rank, world_size=team.workers)
    with threadpool_limits(1), settings.training(1, task.seed):
        found = _trained(team, task, rank)
    # The others wait for one that diverged: what it has to say comes before they hear it go.
    if not found.diverged:
        dist.destroy_process_group()
    return found


def shares(images: int, team: Team, seed: int) -> list[NDArray[np.int64]]:
    """Which of so many images each worker trains on, drawn by `seed`, each share in their order.

    Images lie in the order of their classes, or of what they were drawn from: whoever takes every
    ninth sees in each step what the others see. So do workers that go through such shares in one
    order: see `order_of`.
    """
    own = team.steps(images) * team.batch
    order = np.random.default_rng(seed).permutation(images)
    return [np.sort(order[rank * own : (rank + 1) * own]) for rank in range(team.workers)]


def order_of(seed: int, rank: int) -> int:
    """The seed of the order in which a worker goes through its share: `seed` for the first."""
    return seed + 1000 * rank


def _trained(team: Team, task: Task, rank: int) -> _Ended:
    data = images_of(task.conditions)
    prepared = preprocessed(data.train, task.size, 3)
    steps = team.steps(len(data.train))
    share = replace(
        data,
        train=data.train.subset(shares(len(data.train), team, task.seed)[rank]),
        # The first judges the network, once: see below.
        val=data.val.subset(range(1)),
    )
    network = task.make(len(data.classes))
    recipe = recipe_for(
        network, data, epochs=task.conditions.epochs, size=task.size, augmented=False
    )
    recipe = replace(task.change(recipe), batch_size=team.batch)
    member = member_of(team, network, rank, team.turns(steps * recipe.epochs, task.seed))
    with member.joined():
        order = order_of(task.seed, rank)
        learnt = learn(network, share, recipe, seed=order, preprocessing=prepared)
    if learnt.diverged:
        return _Ended(diverged=True)
    member.end()
    ages = tuple(member.ages)
    if rank:
        return _Ended(ages=ages)
    train, val = (accuracy(network, images, prepared) for images in (data.train, data.val))
    return _Ended(ages=ages, accuracies=(train, val), digest=digest(network.state_dict()))


class Member:
    """One worker's part in a team; kinds of teams differ in what is done around a step.

    Attributes:
        ages: see `TaughtTogether`.
        done: how many steps this worker has made.
    """

    def __init__(self, team: Team, network: nn.Module, rank: int) -> None:
        self.team, self.network, self.rank = team, network, rank
        self.ages: list[int] = []
        self.done = 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Within, every optimiser's steps are steps in the team."""

        def before(*_: Any) -> None:
            self.before()

        def after(*_: Any) -> None:
            self.done += 1
            self.after()

        hooks = register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)
        try:
            yield
        finally:
            for each in hooks:
                each.remove()

    def before(self) -> None:
        """Before a step, whose gradients are there."""
        raise NotImplementedError

    def after(self) -> None:
        """After a step."""

    def end(self) -> None:
        """All have made their last step: from now on the first one has the network's weights."""

    def weights(self) -> Tensor:
        """All of them, in one row."""
        return _row(self.network.parameters())

    def take(self, weights: Tensor) -> None:
        """Go on from these."""
        _fill(self.network.parameters(), weights)


class _InTurns(Member):
    """Weights go round; a gradient is of those that its worker had at its last turn."""

    def __init__(self, team: Team, network: nn.Module, rank: int, turns: list[int]) -> None:
        super().__init__(team, network, rank)
        self.turns = turns
        self.own = [place for place, whose in enumerate(turns) if whose == rank]
        self.had = 0
        """After how many steps of the team these weights were made."""
        self.sent: tuple[dist.Work, Tensor] | None = None

    def before(self) -> None:
        """Take the weights that all have come to."""
        turn = self.own[self.done]
        giver = self.turns[turn - 1] if turn else self.rank
        if self.sent is not None:
            self.sent[0].wait()
            self.sent = None
        if giver != self.rank:
            weights = torch.empty_like(self.weights())
            dist.recv(weights, giver)
            self.take(weights)
        self.ages.append(turn - self.had)

    def after(self) -> None:
        """Give them on, without waiting until they are taken."""
        turn = self.own[self.done - 1]
        self.had = turn + 1
        if turn + 1 < len(self.turns) and self.turns[turn + 1] != self.rank:
            weights = self.weights()
            work = dist.isend(weights, self.turns[turn + 1])
            assert work is not None
            self.sent = work, weights

    def end(self) -> None:
        """Take those of the last turn."""
        if self.sent is not None:
            self.sent[0].wait()
        weights = self.weights()
        dist.broadcast(weights, self.turns[-1])
        self.take(weights)


class _AtOnce(Member):
    """A step takes the mean of all gradients."""

    def before(self) -> None:
        """Take the mean."""
        self.ages.append(0)
        gradients = [each.grad for each in self.network.parameters() if each.grad is not None]
        together = _row(gradients)
        dist.all_reduce(together)
        _fill(gradients, together / self.team.workers)


class _Apart(Member):
    """Each goes on by itself, and from the mean of all weights every few steps."""

    def before(self) -> None:
        """Note how many steps the others have made since all met."""
        self.ages.append(self.done % self.team.apart * (self.team.workers - 1))

    def after(self) -> None:
        """Meet, if it is time."""
        if self.done % self.team.apart == 0:
            self.end()

    def end(self) -> None:
        """Take the mean."""
        weights = self.weights()
        dist.all_reduce(weights)
        self.take(weights / self.team.workers)


def member_of(team: Team, network: nn.Module, rank: int, turns: list[int]) -> Member:
    """The part of the worker `rank` in `team`, whose turns these are where there are turns."""
    kinds: dict[Way, Callable[[Team, nn.Module, int], Member]] = {
        "at once": _AtOnce,
        "apart": _Apart,
    }
    return kinds.get(team.way, partial(_InTurns, turns=turns))(team, network, rank)


def _row(tensors: Iterable[Tensor]) -> Tensor:
    """A copy of all numbers, one after another."""
    return torch.cat([each.detach().flatten() for each in tensors])


def _fill(tensors: Iterable[Tensor], row: Tensor) -> None:
    """Put the numbers of a `_row` back, each where it was."""
    place = 0
    for each in tensors:
        each.detach().copy_(row[place : place + each.numel()].view(each.shape))
        place += each.numel()
