"""Claim 6: dropout and channel dropout narrow the gap between training and test on little data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of, parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

WIDTH, SIDE = 24, 32
#: Of each setting the rate of dropout before the dense layer, and of channels behind each stage.
SETTINGS = {
    "none": (0.0, 0.0),
    "units 0.2": (0.2, 0.0),
    "units 0.5": (0.5, 0.0),
    "units 0.8": (0.8, 0.0),
    "channels 0.1": (0.0, 0.1),
    "channels 0.3": (0.0, 0.3),
}


def plan(setting: str) -> Plan:
    """The network of a setting, without norm, which regularises itself."""
    units, channels = SETTINGS[setting]
    return Plan(width=WIDTH, blocks=1, normalised=False, dropout=units, channel_dropout=channels)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies without dropout on both parts, and what lies between them."""
    of = plan(setting)
    found = taught(
        lambda classes: Modular(replace(of, classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
    )
    # What the loop says of training images is with dropout: here they are judged as the others.
    return found.gap()


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Dropout has no parameters."""
    networks = {name: partial(Modular, plan(name)) for name in SETTINGS}
    return (
        parameters_of(networks),
        macs_of(networks, (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies and gaps."""
    return beside(
        "Dropout of units and of channels",
        rows(results, "gap", Axis(title="training less held-out accuracy", tick=per_cent)),
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "train", Axis(title="training accuracy, without dropout", tick=per_cent)),
    )


EXPERIMENT = Experiment(
    name="dropout",
    number=6,
    title="Dropout",
    claim="On little data, dropout of units and of channels narrows the gap and helps.",
    source="Srivastava et al. 2014, Sec. 6; Tompson et al. 2015 of channels; the working notes.",
    chinese=("随机失活", "数据很少时，对单元和通道的 dropout 缩小训练与测试的差距并提高准确率。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="half of the units dropped narrow the gap between training and held-out accuracy",
            figure="gap",
            contrast=against("units 0.5", "none"),
            wants="less",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="a tenth of the channels dropped narrows it",
            figure="gap",
            contrast=against("channels 0.1", "none"),
            wants="less",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="half of the units dropped make held-out images right more often",
            figure="val",
            contrast=against("units 0.5", "none"),
            wants="more",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="so does a tenth of the channels",
            figure="val",
            contrast=against("channels 0.1", "none"),
            wants="more",
            least=0.01,
            unit="points",
            decides=False,
        ),
        Statement(
            says="at 0.8 dropout costs held-out accuracy",
            figure="val",
            contrast=against("units 0.8", "units 0.5"),
            wants="less",
            least=0.01,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    shown=(
        ("train", "training accuracy, %"),
        ("val", "held-out accuracy, %"),
        ("gap", "between them, %"),
    ),
    cannot=(
        "With dropout a network takes longer to learn: of as many epochs some of the gap is that.",
        "The papers drop units between two wide dense layers; here there is one, behind a mean.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=3500,classes=10,count=1", images=(1500, 2000), epochs=20
    ),
    seeds=5,
    quick=QUICK,
)
