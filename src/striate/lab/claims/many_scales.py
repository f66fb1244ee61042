"""Claim 11: kernels of many sizes side by side are for scales that vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

from markupsafe import Markup

from striate.errors import StriateError, parameter
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Branch, Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement

SIDE = 48


def _single(side: int) -> tuple[Branch, ...]:
    return (Branch(kernels=(1, side), share=1.0, middle=0.25),)


#: A third of the channels through kernels of each size.
MIXED = tuple(Branch(kernels=(1, side), share=1.0, middle=0.25 / 3) for side in (3, 5, 7))
#: Of each kind its branches, and the width at which all of them cost the same.
KINDS: dict[str, tuple[tuple[Branch, ...], int]] = {
    "3×3": (_single(3), 35),
    "5×5": (_single(5), 22),
    "7×7": (_single(7), 17),
    "mixed": (MIXED, 34),
}
#: Diameters of the shapes in pixels.
SCALES = {"one scale": "20", "many scales": "7-45"}
SETTINGS = tuple(f"{kind}, {scale}" for scale, kind in product(SCALES, KINDS))


def plan(setting: str) -> Plan:
    """The network of a setting."""
    branches, width = KINDS[setting.split(", ", maxsplit=1)[0]]
    return Plan(width=width, blocks=1, branches=branches)


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies on shapes of one scale or of many."""
    of, data = plan(setting), str(conditions.data)
    if not data.startswith("shapes"):
        why = "this experiment draws its shapes itself, at one scale and at many"
        raise StriateError(parameter("data", data), why, "leave it out, or give shapes:…")
    diameter = SCALES[setting.split(", ")[1]]
    scaled = replace(conditions, data=f"{data},diameter={diameter}")
    return taught(
        lambda classes: Modular(replace(of, classes=classes)), scaled, seed=seed, size=SIDE
    ).reached()


def equal(conditions: Conditions) -> Sequence[Equal]:
    """All kinds cost the same."""
    networks = {name: partial(Modular, plan(name)) for name in SETTINGS[: len(KINDS)]}
    return (
        macs_of(networks, (3, SIDE, SIDE), within=0.05),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies at one scale and at many."""
    panels = []
    for place, scale in enumerate(SCALES):
        names = SETTINGS[place * len(KINDS) : (place + 1) * len(KINDS)]
        axis = Axis(title=f"held-out accuracy, {scale}", tick=per_cent)
        panels.append(rows(results, "val", axis, names))
    return beside("Kernels of one size and of several", *panels)


def ahead(scale: str, weight: float = 1.0) -> dict[str, float]:
    """How far the mixed network is ahead of the mean of the others, as a contrast."""
    others = [kind for kind in KINDS if kind != "mixed"]
    singles = {f"{kind}, {scale}": -weight / len(others) for kind in others}
    return {f"mixed, {scale}": weight} | singles


EXPERIMENT = Experiment(
    name="many-scales",
    number=11,
    title="Many scales side by side",
    claim="Kernels of many sizes side by side are better where the scale of things varies.",
    source='The notes ("the real reason why Inception works"); Szegedy et al. 2015, Sec. 4.',
    chinese=("多尺度并列", "当物体尺度变化时，多种大小的卷积核并列更好。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        *(
            Statement(
                says=f"where scales vary, the mixed network is better than that of {kind} alone",
                figure="val",
                contrast={"mixed, many scales": 1.0, f"{kind}, many scales": -1.0},
                wants="more",
                least=0.01,
                unit="points",
            )
            for kind in KINDS
            if kind != "mixed"
        ),
        Statement(
            says="it is ahead of the mean of the others by more where scales vary than where they "
            "do not",
            figure="val",
            contrast=ahead("many scales") | ahead("one scale", -1.0),
            wants="more",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="where they do not vary it is no better than the others",
            figure="val",
            contrast=ahead("one scale"),
            wants="not more",
            least=0.01,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    shown=(("val", "held-out accuracy, %"), ("train", "training accuracy, %")),
    cannot=(
        "Shapes are drawn, flat and alone; in photographs scale comes with much else.",
        "The mixed network has no 1×1 and pooling branches, as Inception has beside these: they "
        "would be one more difference.",
        "At equal multiply-accumulates networks of large kernels have fewer channels.",
        "Six epochs leave all of them far from trained: kernels that see more of a shape at once "
        "may only learn sooner.",
    ),
    conditions=Conditions(
        data=f"shapes:size={SIDE},images=4000,classes=10,count=1", images=(2500, 1500), epochs=6
    ),
    seeds=5,
    quick=Conditions(
        data=f"shapes:size={SIDE},images=30,count=1", images=(8, 8), epochs=1, quick=True
    ),
)
