"""A float network against its integer one on the same images, and what is allowed between them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.deploy.quantise.options import Target
from striate.engines.session import Answers
from striate.evaluation.comparing.paired import paired_interval
from striate.evaluation.metrics import negative_log_likelihood

WITHOUT_VNNI = 0.01
"""Top-1 that may be lost, at the least, on a processor without VNNI."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What an integer network does in one engine, held against the float one in the same.

    Attributes:
        engine: in which both were computed.
        vnni: whether products of bytes are added in 32 bits, by the processor or, more slowly, by
            the engine; None where that is no question (no x86).
        emulated: whether the engine was kept from using what this processor has.
        counted: whether they are held against the limits: not where the file is for processors with
            VNNI and this was computed without.
        images: how many were measured on.
        agreement: share of images with the same likeliest class.
        float_top1: share of images that the float network gets right.
        top1: share of images that the integer network gets right.
        interval: 95 % interval of the top-1 that is lost, from the same images in both networks.
        float_loss: mean negative log likelihood of the float network, in nats.
        loss: that of the integer network.
        difference: mean absolute difference of a probability.
    """

    engine: str
    vnni: bool | None
    emulated: bool
    images: int
    agreement: float
    float_top1: float
    top1: float
    interval: tuple[float, float]
    float_loss: float
    loss: float
    difference: float
    counted: bool = True

    @property
    def lost(self) -> float:
        """Top-1 that is lost; negative where some is gained."""
        return self.float_top1 - self.top1

    @property
    def title(self) -> str:
        """Where it was measured, for people."""
        if not self.emulated:
            return self.engine
        return f"{self.engine} without VNNI (emulated)"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "interval": list(self.interval), "lost": self.lost}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an integer network may differ by; fractions.

    Attributes:
        drop: top-1 that may be lost.
        agreement: share of images with the same likeliest class, at the least.
        target: processors that have to be inside.
    """

    drop: float
    agreement: float
    target: Target = "any"

    def allowed(self, found: Figures) -> float:
        """Top-1 that may be lost where `found` was measured."""
        return self.drop if found.vnni is not False else max(self.drop, WITHOUT_VNNI)

    def problem(self, found: Figures) -> str:
        """Why `found` is outside, in a few words; empty where it is inside or does not count.

        A loss of top-1 is allowed up to `drop`, and as long as the images cannot tell it from none.
        """
        if not found.counted:
            return ""
        if found.agreement < self.agreement:
            return f"{found.agreement:.1%} of answers agree in {found.title}"
        if found.lost > self.allowed(found) and found.interval[0] > 0:
            return f"top-1 loses {100 * found.lost:.2f} points in {found.title}"
        return ""


def compare(
    floats: Answers,
    integers: Answers,
    labels: NDArray[np.int64],
    *,
    engine: str,
    vnni: bool | None,
    emulated: bool = False,
    counted: bool = True,
) -> Figures:
    """The figures of one engine.

    Args:
        floats: probabilities of the float network, (images, classes).
        integers: those of the integer one.
        labels: true classes, (images,).
        engine: in which they were computed.
        vnni: as for `Figures`.
        emulated: as for `Figures`.
        counted: as for `Figures`.
    """
    one, other = floats.argmax(1), integers.argmax(1)
    right, still = one == labels, other == labels
    return Figures(
        engine=engine,
        vnni=vnni,
        emulated=emulated,
        images=len(labels),
        agreement=float((one == other).mean()),
        float_top1=float(right.mean()),
        top1=float(still.mean()),
        interval=paired_interval(
            int((right & ~still).sum()), int((still & ~right).sum()), len(labels)
        ),
        float_loss=negative_log_likelihood(floats, labels),
        loss=negative_log_likelihood(integers, labels),
        difference=float(np.abs(floats - integers).mean()),
        counted=counted,
    )
