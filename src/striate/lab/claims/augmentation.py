"""Claim 17: crops, flips, colour and PCA colour, one by one and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from striate.data.augmentation.settings import Augmentation
from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import QUICK, Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement
from striate.recipes.recipe import Recipe

WIDTH, SIDE = 16, 32
PLAIN = Augmentation(crop="none", horizontal_flip=False)
COLOURED = replace(PLAIN, brightness=0.2, contrast=0.2, saturation=0.2)
SETTINGS = {
    "none": PLAIN,
    "crops": replace(PLAIN, crop="padded", border="reflect"),
    "flips": replace(PLAIN, horizontal_flip=True),
    "colour": COLOURED,
    "PCA colour": replace(PLAIN, pca=0.1),
    "together": replace(COLOURED, crop="padded", border="reflect", horizontal_flip=True, pca=0.1),
}


def augmented(recipe: Recipe, setting: str) -> Recipe:
    """The recipe with the augmentation of a setting."""
    return replace(recipe, augmentation=SETTINGS[setting])


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies on images as they are, of both parts."""
    found = taught(
        lambda classes: Modular(Plan(width=WIDTH, blocks=1, shortcut="a", classes=classes)),
        conditions,
        seed=seed,
        size=16 if conditions.quick else SIDE,
        change=partial(augmented, setting=setting),
    )
    return found.gap()


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The network is one and the same, and so is the number of steps."""
    make = partial(Modular, Plan(width=WIDTH, blocks=1, shortcut="a"))
    return (
        macs_of(dict.fromkeys(SETTINGS, make), (3, SIDE, SIDE)),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies and gaps."""
    return beside(
        "Kinds of augmentation",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "gap", Axis(title="training less held-out accuracy", tick=per_cent)),
    )


EXPERIMENT = Experiment(
    name="augmentation",
    number=17,
    title="Augmentation",
    claim="Crops, flips, colour and PCA colour each help, and together most.",
    source="Krizhevsky et al. 2012, Sec. 4.1, who credit PCA colour with a point; the notes.",
    chinese=("数据增强", "裁剪、翻转、颜色与 PCA 颜色增强各有帮助，一起用最好。"),
    settings=tuple(SETTINGS),
    measure=measure,
    equal=equal,
    statements=(
        *(
            Statement(
                says=f"{name} alone: held-out accuracy rises",
                figure="val",
                contrast={name: 1.0, "none": -1.0},
                wants="more",
                least=0.01,
                unit="points",
            )
            for name in ("crops", "flips", "colour", "PCA colour")
        ),
        Statement(
            says="together they are worth more than crops alone",
            figure="val",
            contrast={"together": 1.0, "crops": -1.0},
            wants="more",
            least=0.01,
            unit="points",
        ),
        Statement(
            says="together they narrow the gap between training and held-out accuracy",
            figure="gap",
            contrast={"together": 1.0, "none": -1.0},
            wants="less",
            least=0.05,
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
        "Augmentation pays the more, the longer a network is trained: this one sees each image a "
        "few dozen times.",
        "What helps depends on the images: others may gain from other changes.",
        "Each change has one strength: colour may help at another.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=4000,classes=10,count=1", images=(2000, 2000), epochs=25
    ),
    seeds=5,
    quick=QUICK,
)
