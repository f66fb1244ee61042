"""Claim 12: a mean over places instead of dense layers: fewer parameters, less overfitting."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from markupsafe import Markup
from torch import Tensor, nn

from striate.lab.drawing import Axis, beside, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import taught
from striate.lab.modular import Modular, Plan
from striate.lab.networks import macs_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against

WIDTH, SIDE, HIDDEN = 16, 32, 256
SETTINGS = ("mean", "one dense layer", "two dense layers")


class Headed(nn.Module):
    """Convolutions that all share, and one of the heads."""

    def __init__(self, setting: str, classes: int, side: int = SIDE) -> None:
        super().__init__()
        self.body = Modular(Plan(width=WIDTH, blocks=1))
        channels, places = 4 * WIDTH, (side // 8) ** 2
        flat: list[nn.Module] = [nn.Flatten()]
        heads = {
            "mean": [nn.AdaptiveAvgPool2d(1), *flat, nn.Linear(channels, classes)],
            "one dense layer": [*flat, nn.Linear(channels * places, classes)],
            "two dense layers": [
                *flat,
                nn.Linear(channels * places, HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, classes),
            ],
        }
        self.body.classifier = nn.Identity()  # type: ignore[assignment]
        self.head = nn.Sequential(*heads[setting])

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (N, classes)."""
        found: Tensor = self.head(self.body.features(images))
        return found


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies, what lies between them, and parameters."""
    found = taught(lambda classes: Headed(setting, classes), conditions, seed=seed, size=SIDE)
    numbers = sum(each.numel() for each in found.learnt.network.parameters())
    return {**found.gap(), "parameters": float(numbers)}


def equal(conditions: Conditions) -> Sequence[Equal]:
    """The convolutions are the same; what a head costs beside them is little."""
    networks = {name: partial(Headed, name, 10) for name in SETTINGS}
    return (
        macs_of(networks, (3, SIDE, SIDE), within=0.1),
        Equal(what="epochs", values=dict.fromkeys(SETTINGS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Accuracies and parameters."""
    return beside(
        "A mean over places and dense layers",
        rows(results, "val", Axis(title="held-out accuracy", tick=per_cent)),
        rows(results, "gap", Axis(title="training less held-out accuracy", tick=per_cent)),
        rows(results, "parameters", Axis(title="parameters", log=True)),
    )


EXPERIMENT = Experiment(
    name="average-pooling",
    number=12,
    title="Global average pooling",
    claim="A mean over places has fewer parameters than dense layers, and overfits less.",
    source="Lin et al. 2014, Sec. 3.2; the working notes.",
    chinese=("全局平均池化", "全局平均池化比全连接层参数少，过拟合也更轻。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="the network with two dense layers has more parameters than that with a mean",
            figure="parameters",
            contrast=against("two dense layers", "mean"),
            wants="more",
            least=2.0,
            unit="times",
        ),
        Statement(
            says="with a mean, less lies between training and held-out accuracy than with two "
            "dense layers",
            figure="gap",
            contrast=against("mean", "two dense layers"),
            wants="less",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="and less than with one",
            figure="gap",
            contrast=against("mean", "one dense layer"),
            wants="less",
            least=0.02,
            unit="points",
        ),
        Statement(
            says="held-out images are classified better with a mean than with two dense layers",
            figure="val",
            contrast=against("mean", "two dense layers"),
            wants="more",
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
        ("parameters", "parameters"),
    ),
    cannot=(
        "A gap that is small because less was learnt is no merit: see both accuracies.",
        "Dense layers stand on a grid of 4×4; on the papers' 7×7 they have three times as many "
        "parameters, and dropout.",
    ),
    conditions=Conditions(
        data="shapes:size=32,images=4000,classes=10,count=1", images=(2000, 2000), epochs=15
    ),
    seeds=5,
    quick=Conditions(
        data="shapes:size=32,images=40,count=1", images=(16, 16), epochs=1, quick=True
    ),
)
