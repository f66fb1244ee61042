"""Claim 15: auxiliary heads bring gradient to lower layers and regularise; at which weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from markupsafe import Markup
from torch import Tensor

from striate.data.batch import Targets
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, preprocessed, sample_of, taught
from striate.lab.modular import INCEPTION, Modular, Plan
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Stated, against, statements
from striate.recipes.recipe import Loss
from striate.training.losses import Criterion

WIDTH, BLOCKS, SIDE = 46, 3, 32
#: What each of two heads weighs beside 1 of the classifier.
SETTINGS = {"0": 0.0, "0.1": 0.1, "0.3 (paper)": 0.3, "6:2:2 (notes)": 1 / 3, "1": 1.0}


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting: without norm, as GoogLeNet was."""
    return Plan(
        width=WIDTH // (2 if conditions.quick else 1),
        blocks=1 if conditions.quick else BLOCKS,
        branches=INCEPTION,
        normalised=False,
        auxiliary=(SETTINGS[setting],) * 2,
    )


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """How much more gradient comes to the stem by the heads, and accuracies."""
    of, side = plan(setting, conditions), 16 if conditions.quick else SIDE
    data = images_of(conditions)
    images, labels = sample_of(data.train, preprocessed(data.train, side, 3), 64)
    before: list[float] = []

    def make(classes: int) -> Modular:
        network = Modular(replace(of, classes=classes))
        before.append(more_gradient(network, images, labels))
        return network

    found = taught(make, conditions, seed=seed, size=side)
    network = found.learnt.network
    assert isinstance(network, Modular)
    return {
        **found.gap(),
        "before": before[0],
        "after": more_gradient(network, images, labels),
    }


def more_gradient(network: Modular, images: Tensor, labels: Tensor) -> float:
    """The norm of the whole loss's gradient at the stem, in that of the classifier's alone."""
    weights = list(network.stem.parameters())
    network.train()
    total = Criterion(Loss(), network)(network(images), Targets(labels, None, None)).total
    whole = _norm(torch.autograd.grad(total, weights))
    network.eval()  # without its heads; there is nothing else that training does otherwise
    alone = _norm(torch.autograd.grad(F.cross_entropy(network(images), labels), weights))
    return min(max(whole / max(alone, 1e-30), 1e-6), 1e6)


def _norm(gradients: Sequence[Tensor]) -> float:
    return float(torch.cat([each.flatten() for each in gradients]).double().norm())


def equal(conditions: Conditions) -> Sequence[Equal]:
    """All have the heads, with whatever weight."""
    networks = {name: partial(Modular, plan(name, conditions)) for name in SETTINGS}
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Gradients and accuracies by weight."""
    more = Axis(title="gradient at the stem before training, relative to no heads", log=True)
    return beside(
        "Auxiliary heads",
        rows(results, "before", more),
        rows(results, "gap", Axis(title="training less held-out accuracy", tick=per_cent)),
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
    )


STATED: tuple[Stated, ...] = (
    (
        "before training, heads at the paper's weight bring more gradient to the stem",
        "before",
        against("0.3 (paper)", "0"),
        "more",
        1.5,
    ),
    (
        "they narrow the gap between training and held-out accuracy",
        "gap",
        against("0.3 (paper)", "0"),
        "less",
        0.01,
    ),
    (
        "with them the network is better (held-out accuracy)",
        "val",
        against("0.3 (paper)", "0"),
        "more",
        0.01,
    ),
    (
        "they are still felt at the stem after training",
        "after",
        against("0.3 (paper)", "0"),
        "more",
        1.5,
    ),
    (
        "the notes' 6:2:2 does what the paper's 1:0.3:0.3 does (held-out accuracy)",
        "val",
        against("6:2:2 (notes)", "0.3 (paper)"),
        "same",
        0.015,
    ),
    ("at a weight of 1 they harm", "val", against("1", "0.3 (paper)"), "less", 0.01),
)
#: The claim hangs on the first of them.
DECIDING = 2

EXPERIMENT = Experiment(
    name="auxiliary-heads",
    number=15,
    title="Auxiliary heads",
    claim="Auxiliary heads bring gradient to the lower layers, and regularise.",
    source="Szegedy et al. 2015, Sec. 5, and 2016, Sec. 4, who doubt the first; the working notes.",
    chinese=("辅助分类器", "辅助分类器把梯度带到低层，并起正则化作用。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=statements(STATED, deciding=DECIDING, units={"before": "times", "after": "times"}),
    figure=draw,
    caption=(
        "A setting is the weight of each of two heads beside 1; a point is a seed. Gradients are "
        "those of the whole loss at the stem, in that of the classifier's loss alone, before and "
        "after training."
    ),
    shown=(
        ("before", "gradient before"),
        ("after", "gradient after"),
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("gap", "gap, %"),
    ),
    cannot=(
        "6:2:2 is 1 to a third to a third, at 0.6 of the loss; AdamW does not see that factor, "
        "and so it is left out.",
        f"It has one depth, {6 * BLOCKS + 2} layers: GoogLeNet has 22. Heads are one dense layer "
        "behind a mean over places.",
        "Few epochs on few images leave little to regularise.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=8
    ),
    seeds=3,
    quick=QUICK,
)
