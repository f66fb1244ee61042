"""Claim 9, first half: stacks of 3×3 for 5×5 and 7×7 of equal receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from markupsafe import Markup

from striate.anatomy.costs.counting import count_macs
from striate.lab.drawing import Axis, beside, millions, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import sample_of, taught
from striate.lab.modular import Branch, Modular, Plan
from striate.lab.networks import reach
from striate.lab.results import Results
from striate.lab.timing import least_seconds
from striate.lab.verdict import Statement, against

WIDTH, SIDE, STEPS = 16, 32, 20
#: Sides of a block's kernels.
SETTINGS = {"5×5": (5,), "3×3 twice": (3, 3), "7×7": (7,), "3×3 three times": (3, 3, 3)}
#: Stacks, and the kernels that they stand for.
PAIRS = (("3×3 twice", "5×5"), ("3×3 three times", "7×7"))


def plan(setting: str) -> Plan:
    """The network of a setting: in each stage a block that stands between equal ones.

    As in Simonyan and Zisserman's count, channels and grid are the same before and behind it. What
    changes them is a convolution of 3×3, the same in all settings.
    """
    return Plan(
        width=WIDTH,
        blocks=2,
        branches=(Branch(kernels=SETTINGS[setting], share=1.0, middle=1.0),),
        entry=(Branch(kernels=(3,), share=1.0),),
    )


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, cost, and the time of a training step."""
    of = plan(setting)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    network = found.learnt.network
    images, labels = sample_of(found.data.train, found.preprocessing, 64)
    network.train()

    def step() -> None:
        torch.autograd.backward(F.cross_entropy(network(images), labels))

    return {
        **found.reached(),
        "macs": float(count_macs(network, (3, SIDE, SIDE))),
        "seconds_a_step": least_seconds(step, times=1 if conditions.quick else STEPS),
    }


def equal(conditions: Conditions) -> Sequence[Equal]:
    """A stack sees as far as the kernel that it stands for, with as many channels."""
    fields = {name: reach(partial(Modular, plan(name))) for name in SETTINGS}
    return (
        *(
            Equal(
                what=f"receptive field in pixels, as with {kernel}",
                values={name: fields[name] for name in (kernel, stack)},
            )
            for stack, kernel in PAIRS
        ),
        Equal(what="channels", values={name: float(plan(name).width) for name in SETTINGS}),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies, cost and time."""
    cost = Axis(title="multiply-accumulates an image", low=0.0, tick=millions)
    step = Axis(title="seconds of a training step of 64 images", low=0.0)
    return beside(
        "Large kernels and stacks of small ones",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "macs", cost),
        rows(results, "seconds_a_step", step),
    )


EXPERIMENT = Experiment(
    name="small-kernels",
    number=9,
    title="Stacks of 3×3",
    claim=(
        "Two convolutions of 3×3 for one of 5×5, and three for one of 7×7, cost less and are as "
        "accurate or more."
    ),
    source="Simonyan and Zisserman 2015, Sec. 2.3; Szegedy et al. 2016, Sec. 3.1; the notes.",
    chinese=("3×3 堆叠", "用两个 3×3 代替 5×5、三个 3×3 代替 7×7，代价更低，准确率相同或更高。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=(
        *(
            Statement(
                says=f"{stack} costs less than {kernel} (multiply-accumulates)",
                figure="macs",
                contrast=against(stack, kernel),
                wants="less",
                least=1.2,
                unit="times",
            )
            for stack, kernel in PAIRS
        ),
        *(
            Statement(
                says=f"{stack} is as accurate as {kernel}, or more (held-out)",
                figure="val",
                contrast=against(stack, kernel),
                wants="not less",
                least=0.01,
                unit="points",
            )
            for stack, kernel in PAIRS
        ),
        *(
            Statement(
                says=f"{stack} takes less time than {kernel} on this machine",
                figure="seconds_a_step",
                contrast=against(stack, kernel),
                wants="less",
                least=1.1,
                unit="times",
                decides=False,
            )
            for stack, kernel in PAIRS
        ),
    ),
    figure=draw,
    shown=(
        ("val", "held-out accuracy, %"),
        ("train", "training accuracy, %"),
        ("macs", "multiply-accumulates"),
        ("seconds_a_step", "seconds a step"),
    ),
    cannot=(
        "Where networks end. Stacks are deeper and, as their training accuracy says, further from "
        "it after so few epochs.",
        "A stack has more norms and ReLUs, which are no part of multiply-accumulates but of time.",
        "Times are of one core and of this processor's convolutions.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=8
    ),
    seeds=5,
    quick=QUICK,
)
