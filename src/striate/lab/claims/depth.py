"""Claim 13: deeper plain networks train worse, residual ones do not; shortcuts A, B and C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Modular, Plan, Shortcut
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Stated, against, statements

WIDTH, SIDE = 16, 32
BLOCKS = {20: 3, 32: 5, 56: 9}
SETTINGS = (
    *(f"{kind} {depth}" for kind in ("plain", "residual") for depth in BLOCKS),
    "shortcuts B 32",
    "shortcuts C 32",
)


def plan(setting: str, conditions: Conditions) -> Plan:
    """The network of a setting; a quick one has a block a stage."""
    kind, _, depth = setting.rpartition(" ")
    kinds: dict[str, Shortcut] = {
        "plain": "none",
        "residual": "a",
        "shortcuts B": "b",
        "shortcuts C": "c",
    }
    blocks = 1 if conditions.quick else BLOCKS[int(depth)]
    return Plan(width=WIDTH, blocks=blocks, shortcut=kinds[kind])


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies at the end."""
    of = plan(setting, conditions)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    return found.reached()


def equal(conditions: Conditions) -> Sequence[Equal]:
    """A shortcut A has no parameters and costs nothing; those of B and C have, and do."""
    found = []
    for depth in list(BLOCKS)[: 1 if conditions.quick else None]:
        networks = {
            name: partial(Modular, plan(name, conditions))
            for name in (f"plain {depth}", f"residual {depth}")
        }
        for each in (macs_of(networks, (3, SIDE, SIDE)), parameters_of(networks)):
            found.append(replace(each, what=f"{each.what}, at {depth} layers"))
    return (*found, Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)))


def draw(results: Results) -> Markup:
    """Accuracies over depth."""
    return beside(
        "Accuracies of plain and residual networks",
        rows(results, "train", Axis(title="training accuracy", tick=per_cent)),
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
    )


STATED: tuple[Stated, ...] = (
    (
        "the plain network of 56 layers gets fewer training images right than that of 20",
        "train",
        against("plain 56", "plain 20"),
        "less",
        0.03,
    ),
    (
        "from 20 to 56 layers the residual network loses less, or gains more, than the plain one "
        "(training accuracy)",
        "train",
        against("residual 56", "residual 20") | against("plain 20", "plain 56"),
        "more",
        0.03,
    ),
    (
        "the residual network of 56 layers gets at least as many training images right as that of "
        "20: it is not worse by as much as counts",
        "train",
        against("residual 56", "residual 20"),
        "not less",
        0.03,
    ),
    (
        "at 56 layers the residual network is better on held-out images",
        "val",
        against("residual 56", "plain 56"),
        "more",
        0.03,
    ),
    (
        "shortcuts B do what shortcuts A do (held-out accuracy)",
        "val",
        against("shortcuts B 32", "residual 32"),
        "same",
        0.02,
    ),
    ("and so do shortcuts C", "val", against("shortcuts C 32", "residual 32"), "same", 0.02),
)
#: The claim hangs on the first of them.
DECIDING = 2

EXPERIMENT = Experiment(
    name="depth",
    number=13,
    title="Depth",
    claim=(
        "Made deeper, a plain network does worse on its training images, and a residual one does "
        "not."
    ),
    source="He et al. 2016, Fig. 1 and 6 and Sec. 4.1; the working notes.",
    chinese=("深度", "普通网络加深后在训练图像上变差，残差网络则不会。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=statements(STATED, deciding=DECIDING),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("train_loss", "training loss"),
        ("val", "held-out accuracy, %"),
        ("diverged", "diverged, %"),
    ),
    cannot=(
        "Trainings are of hundreds of steps, the paper's of 64,000: what is compared is how far "
        "networks get in a short time, not where they end.",
        "Grids have half the paper's side: the first convolution has a stride of 2.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=6000,classes=10,count=1", images=(4000, 2000), epochs=6
    ),
    seeds=3,
    quick=QUICK,
)
