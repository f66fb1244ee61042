"""Claim 21: gradients that are stale by 1 to 8 steps, as of asynchronous workers.

Staleness is computed exactly in one process: each step takes the gradient of the weights of so many
steps ago, which is what as many workers and one more give that take turns at a parameter server.
About 400 seconds of one core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from markupsafe import Markup
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, Wanted, against
from striate.recipes.recipe import Optimiser, Recipe

WIDTH, SIDE, BATCH, RATE = 16, 32, 32, 0.05
#: Of each setting the steps by which gradients are stale, the batches of a step, and its rate.
SETTINGS: dict[str, tuple[int, int, float]] = {
    **{f"stale by {steps}": (steps, 1, RATE) for steps in (0, 1, 2, 4, 8)},
    "stale by 8, slower": (8, 1, RATE / 4),
    "9 together": (0, 9, RATE),
}


@contextmanager
def stale(steps: int) -> Iterator[list[int]]:
    """Within, every optimiser takes the gradients of so many steps ago, at first none.

    Yields:
        How old the gradients of each step were that had any.
    """
    waiting: deque[tuple[int, list[Tensor | None]]] = deque()
    ages: list[int] = []
    done = 0

    def swap(optimiser: Optimizer, _args: Any, _kwargs: Any) -> None:
        nonlocal done
        parameters = [each for group in optimiser.param_groups for each in group["params"]]
        waiting.append((done, [each.grad for each in parameters]))
        old = waiting.popleft() if len(waiting) > steps else None
        if old is not None:
            ages.append(done - old[0])
        for place, each in enumerate(parameters):
            each.grad = None if old is None else old[1][place]
        done += 1

    handle = register_optimizer_step_pre_hook(swap)
    try:
        yield ages
    finally:
        handle.remove()


def by_sgd(recipe: Recipe, setting: str) -> Recipe:
    """Plain SGD, without momentum, which would be stale itself."""
    _, batches, rate = SETTINGS[setting]
    optimiser = Optimiser(rate=rate * batches, momentum=0.0, weight_decay=5e-4, decay_norms=False)
    batch = recipe.batch_size if recipe.batch_size < BATCH else BATCH
    return replace(recipe, optimiser=optimiser, batch_size=batch * batches)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, and how stale gradients were."""
    steps, _, _ = SETTINGS[setting]
    with stale(steps) as ages:
        found = taught(
            lambda classes: Modular(Plan(width=WIDTH, blocks=1, shortcut="a", classes=classes)),
            conditions,
            seed=seed,
            size=16 if conditions.quick else SIDE,
            change=partial(by_sgd, setting=setting),
        )
    return {**found.reached(), "age": sum(ages) / max(len(ages), 1)}


def equal(conditions: Conditions) -> Sequence[Equal]:
    """All see as many images."""
    make = partial(Modular, Plan(width=WIDTH, blocks=1, shortcut="a"))
    return (
        macs_of(dict.fromkeys(SETTINGS, make), (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies by staleness."""
    return beside(
        "Stale gradients",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "train", Axis(title="training accuracy", tick=per_cent)),
    )


#: What each says of the held-out accuracy, the effect, what is wanted of it, and the least one.
STATED: tuple[tuple[str, dict[str, float], Wanted, float], ...] = (
    (
        "gradients that are stale by 8 steps cost accuracy",
        against("stale by 8", "stale by 0"),
        "less",
        0.02,
    ),
    (
        "so many workers together, synchronously at nine times the rate, do better",
        against("9 together", "stale by 8"),
        "more",
        0.02,
    ),
    ("stale by 1 step costs nothing", against("stale by 1", "stale by 0"), "same", 0.02),
    (
        "at a quarter of the rate, gradients stale by 8 steps do better",
        against("stale by 8, slower", "stale by 8"),
        "more",
        0.02,
    ),
    ("stale by 4 steps costs accuracy", against("stale by 4", "stale by 0"), "less", 0.02),
)
#: The claim hangs on the first of them.
DECIDING = 2

EXPERIMENT = Experiment(
    name="stale-gradients",
    number=21,
    title="Asynchronous SGD",
    claim=(
        "Asynchronous workers pay for stale gradients with accuracy; synchronous ones, of as many "
        "images, do not."
    ),
    source="Dean et al. 2012, Sec. 4.1; Chen et al. 2016, Sec. 2.1; the working notes.",
    chinese=("异步 SGD", "异步训练因梯度过时而损失准确率；图像数相同时，同步训练则不会。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=tuple(
        Statement(
            says=f"{says} (held-out)",
            figure="val",
            contrast=contrast,
            wants=wants,
            least=least,
            unit="points",
            decides=place < DECIDING,
        )
        for place, (says, contrast, wants, least) in enumerate(STATED)
    ),
    figure=draw,
    shown=(
        ("age", "staleness in steps"),
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        "Time, which is what asynchronous workers are for: nothing waits for anything here.",
        "Workers of real clusters are stale by another number of steps each time; here by the same "
        "one.",
        "Local SGD, in which workers meet now and then, is not among the settings.",
        "9 together has a ninth of the steps, at nine times the rate.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=8
    ),
    seeds=3,
    quick=QUICK,
)
