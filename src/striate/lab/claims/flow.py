"""Claim 22: a flow model of digits, which can be turned back, measured and drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias, cast

import numpy as np
import torch
from markupsafe import Markup
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing
from striate.lab.drawing import Axis, Panel, beside, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, recipe_for, sample_of
from striate.lab.networks import parameters_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against
from striate.report.charts import png
from striate.runs.targets import ScaledTarget
from striate.support.svg import element

Bits: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From whole levels, and the noise that they are spread by, to bits a pixel of each image."""

SIDE, LEVELS = 8, 17
PIXELS = SIDE * SIDE
#: Couplings of each flow and the width of their networks, which makes both as large.
FLOWS = {"4 couplings": (4, 256), "8 couplings": (8, 162)}
SETTINGS = ("Gaussian", *FLOWS)
EDGE = 0.05
_SAMPLES = 20
#: Pixels as they are, from 0 to 1.
AS_THEY_ARE = Preprocessing(
    resize=SIDE, height=SIDE, width=SIDE, channels=1, mean=(0.0,), std=(1.0,)
)


class Coupling(nn.Module):
    """Half of the pixels scaled and moved by what a small network makes of the other half.

    Dinh et al. 2017 (arXiv 1605.08803), Sec. 3.2: y = x · exp(s) + t where the mask is 0.
    """

    def __init__(self, width: int, flipped: bool) -> None:
        super().__init__()
        board = (torch.arange(PIXELS) // SIDE + torch.arange(PIXELS)) % 2
        self.register_buffer("mask", (board == int(flipped)).float())
        self.network = nn.Sequential(
            nn.Linear(PIXELS, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 2 * PIXELS),
        )

    def scale_and_shift(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """S and t, (N, pixels) each, which depend on what the mask keeps alone."""
        mask = cast("Tensor", self.mask)
        scale, shift = self.network(values * mask).chunk(2, 1)
        return torch.tanh(scale) * (1 - mask), shift * (1 - mask)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """What becomes of `values`, and the logarithm of the Jacobian's determinant, (N,)."""
        scale, shift = self.scale_and_shift(values)
        return values * scale.exp() + shift, scale.sum(1)

    def back(self, values: Tensor) -> Tensor:
        """The opposite."""
        scale, shift = self.scale_and_shift(values)
        return (values - shift) * (-scale).exp()


class Flow(nn.Module):
    """A small RealNVP: from images to bits a pixel, which is what it is trained to make few."""

    def __init__(self, couplings: int, width: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(width, n % 2 == 1) for n in range(couplings))

    def normal(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """`values` on their way to a normal distribution, and the logarithm of the determinant."""
        total = values.new_zeros(len(values))
        for coupling in self.couplings:
            values, own = coupling(values)
            total = total + own
        return values, total

    def back(self, normal: Tensor) -> Tensor:
        """The opposite of `normal`."""
        for coupling in reversed(cast("list[Coupling]", list(self.couplings))):
            normal = coupling.back(normal)
        return normal

    def bits(self, whole: Tensor, noise: Tensor) -> Tensor:
        """Bits a pixel of images of whole levels, (N, pixels), spread within these by `noise`."""
        values, spread = spread_out(whole, noise)
        normal, own = self.normal(values)
        density = -0.5 * (normal.square().sum(1) + PIXELS * math.log(2 * math.pi))
        return in_bits(density + own + spread)

    def forward(self, images: Tensor) -> Tensor:
        """Bits a pixel of each image, (N, 1)."""
        whole = levels(images)
        # In the middle of each level where it is judged, so that the same weights say the same.
        noise = torch.rand_like(whole) if self.training else torch.full_like(whole, 0.5)
        return self.bits(whole, noise)[:, None]


def levels(images: Tensor) -> Tensor:
    """Pixels from 0 to 1 as the whole levels that scikit-learn's digits have, (N, pixels)."""
    return (images.flatten(1) * (LEVELS - 1)).round()


def spread_out(whole: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Levels as numbers without bounds, and the logarithm of the determinant of that, (N,).

    Uniform noise makes levels continuous, a logit takes their bounds away: Dinh et al. 2017, 4.1.
    """
    inside = EDGE + (1 - 2 * EDGE) * (whole + noise) / LEVELS
    own = math.log((1 - 2 * EDGE) / LEVELS) - inside.log() - (1 - inside).log()
    return inside.logit(), own.sum(1)


def in_bits(density: Tensor) -> Tensor:
    """Bits a pixel of a logarithm of a density over whole levels."""
    return -density / (PIXELS * math.log(2))


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Bits a pixel of digits and of what is none, and how exactly the flow turns back."""
    data = images_of(conditions)
    train, _ = sample_of(data.train, AS_THEY_ARE, len(data.train))
    held, _ = sample_of(data.val, AS_THEY_ARE, len(data.val))
    random = torch.Generator().manual_seed(seed)
    own: dict[str, float | list[float]] = {"samples": [0.0], "inverse": 0.0}
    if setting == "Gaussian":
        bits = gaussian(levels(train).double(), random)
    else:
        network = Flow(*FLOWS[setting])
        recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE, augmented=False)
        # The distance of its bits, which are positive, from none: they are what is made small.
        recipe = recipe.for_numbers().with_changes(loss="absolute")
        recipe = replace(recipe, optimiser=replace(recipe.optimiser, weight_decay=1e-4))
        none = np.zeros((max(len(data.train), len(data.val)), 1), np.float32)
        learn(
            network,
            data,
            recipe,
            seed=seed,
            preprocessing=AS_THEY_ARE,
            answers=(none[: len(data.train)], none[: len(data.val)]),
            target=ScaledTarget(name="bits", mean=0.0, deviation=1.0, low=0.0, high=1.0),
        )
        network.double()
        bits = network.bits
        own = {
            "inverse": turned_back(network, levels(held).double(), random),
            "samples": samples(network, random),
        }
    digits = mean_bits(bits, levels(held), random)
    apart = {name: mean_bits(bits, each, random) - digits for name, each in no_digits(held, random)}
    return {"bits": digits, "train_bits": mean_bits(bits, levels(train), random), **apart, **own}


def no_digits(held: Tensor, random: torch.Generator) -> Sequence[tuple[str, Tensor]]:
    """What is no digit, in levels: pixels in another order, a negative, nothing, noise."""
    whole = levels(held)
    order = torch.randperm(PIXELS, generator=random)
    noise = torch.randint(0, LEVELS, whole.shape, generator=random).float()
    return (
        ("shuffled", whole[:, order]),
        ("negative", LEVELS - 1 - whole),
        ("blank", torch.zeros_like(whole)),
        ("noise", noise),
    )


def mean_bits(bits: Bits, whole: Tensor, random: torch.Generator) -> float:
    """The mean over images of levels, each with a noise of its own."""
    whole = whole.double()
    noise = torch.rand(whole.shape, generator=random, dtype=torch.float64)
    with torch.no_grad():
        return float(bits(whole, noise).mean())


def turned_back(network: Flow, whole: Tensor, random: torch.Generator) -> float:
    """The largest difference of levels from what they come back as, in float64."""
    noise = torch.rand(whole.shape, generator=random, dtype=torch.float64)
    with torch.no_grad():
        values, _ = spread_out(whole, noise)
        again = network.back(network.normal(values)[0])
    return float((again - values).abs().max())


def samples(network: Flow, random: torch.Generator) -> list[float]:
    """Levels of images that the flow makes of normal numbers, one after the other."""
    normal = torch.randn(_SAMPLES, PIXELS, generator=random, dtype=torch.float64)
    with torch.no_grad():
        inside = torch.sigmoid(network.back(normal))
    whole = ((inside - EDGE) / (1 - 2 * EDGE) * LEVELS).floor().clamp(0, LEVELS - 1)
    return [float(value) for value in whole.flatten()]


def gaussian(train: Tensor, random: torch.Generator) -> Bits:
    """Bits by one normal distribution with the mean and covariance of the training images."""
    noise = torch.rand(train.shape, generator=random, dtype=torch.float64)
    values, _ = spread_out(train, noise)
    covariance = torch.cov(values.T) + 1e-3 * torch.eye(PIXELS, dtype=torch.float64)
    fitted = torch.distributions.MultivariateNormal(values.mean(0), covariance)

    def bits(whole: Tensor, noise: Tensor) -> Tensor:
        spread, own = spread_out(whole, noise)
        return in_bits(fitted.log_prob(spread) + own)  # type: ignore[no-untyped-call]

    return bits


def equal(conditions: Conditions) -> Sequence[Equal]:
    """Both flows have about as many parameters; the Gaussian is there to compare with."""
    networks = {name: partial(Flow, *sizes) for name, sizes in FLOWS.items()}
    return (
        parameters_of(networks, within=0.02),
        Equal(what="epochs", values=dict.fromkeys(FLOWS, conditions.epochs)),
    )


def draw(results: Results) -> Markup:
    """Bits of digits, bits beyond those of what is none, and samples of the deeper flow."""
    drawn = np.array(results.rows("8 couplings", "samples")[0]).reshape(-1, SIDE, SIDE)
    more = [
        rows(results, name, Axis(title=f"{title}: bits a pixel more than digits", level=(0.0, "")))
        for name, title in (
            ("shuffled", "pixels shuffled"),
            ("negative", "negative"),
            ("blank", "blank"),
        )
    ]
    bits = rows(results, "bits", Axis(title="bits a pixel of held-out digits"))
    return beside("Bits a pixel of digits and of what is none", bits, _pictures(drawn), *more)


def _pictures(drawn: NDArray[np.float64]) -> Panel:
    """Samples side by side."""
    grey = (255 - drawn * 255 / (LEVELS - 1)).round().astype(np.uint8)
    edged = np.pad(grey, ((0, 0), (1, 1), (1, 1)), constant_values=255)
    lines = [np.concatenate(list(edged[at : at + 10]), 1) for at in range(0, len(edged), 10)]
    whole = np.concatenate(lines, 0)
    picture = element(
        "image",
        href=png(np.repeat(whole[:, :, None], 3, 2)),
        x=8,
        y=24,
        width=360,
        height=360 * whole.shape[0] / whole.shape[1],
        style="image-rendering: pixelated",
    )
    title = element("text", "made by 8 couplings from normal numbers", x=8, y=12, class_="title")
    return Panel(drawn=element("g", title, picture), height=110)


def _more(figure: str, says: str) -> Statement:
    return Statement(
        says=f"8 couplings: more bits a pixel for {says} than for held-out digits",
        figure=figure,
        contrast={"8 couplings": 1.0},
        wants="more",
        least=0.1,
    )


EXPERIMENT = Experiment(
    name="flow",
    number=22,
    title="Flow models",
    claim=(
        "A flow model turns back exactly and gives every image a likelihood, by which it tells "
        "what is no digit."
    ),
    source=(
        "The working notes, which name flow models; Dinh et al. 2017 (RealNVP). Nalisnick et al. "
        "2019 (arXiv 1810.09136) found that plain images may be the likelier ones."
    ),
    chinese=("流模型", "流模型可以精确地求逆，给每幅图像一个似然，并据此分辨出不是数字的图像。"),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="8 couplings: images come back as they were (largest difference, in float64)",
            figure="inverse",
            contrast={"8 couplings": 1.0},
            wants="same",
            least=1e-9,
        ),
        Statement(
            says="8 couplings take fewer bits a pixel of held-out digits than a Gaussian",
            figure="bits",
            contrast=against("8 couplings", "Gaussian"),
            wants="less",
            least=0.05,
        ),
        Statement(
            says="8 couplings take fewer than 4 of as many parameters",
            figure="bits",
            contrast=against("8 couplings", "4 couplings"),
            wants="less",
            least=0.02,
            decides=False,
        ),
        _more("shuffled", "digits with their pixels shuffled"),
        _more("negative", "negatives of digits"),
        _more("noise", "noise"),
        _more("blank", "blank images"),
    ),
    figure=draw,
    caption=(
        "Bits a pixel: fewer are likelier. Samples are those of the first seed. A point is a seed."
    ),
    shown=(
        ("bits", "bits, held-out"),
        ("train_bits", "bits, training"),
        ("shuffled", "shuffled: more"),
        ("negative", "negative: more"),
        ("noise", "noise: more"),
        ("blank", "blank: more"),
        ("inverse", "from turning back"),
    ),
    cannot=(
        "Photographs: these are digits of 8 by 8 pixels in 17 levels, of which there are few.",
        "Bits are an upper bound, since the levels are spread by uniform noise.",
        "The flows overfit or not by how long they are trained: every one has as many epochs.",
    ),
    conditions=Conditions(data="digits", epochs=60),
    quick=Conditions(data="digits", images=(100, 100), epochs=1, quick=True),
)
