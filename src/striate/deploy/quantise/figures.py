"""A float network against its integer one on the same images, and what is allowed between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

from striate.deploy.quantise.options import Target
from striate.errors import parameter
from striate.support.words import plain_percent

WITHOUT_VNNI = 0.01
"""Top-1 that may be lost, at the least, on a processor without VNNI."""


@dataclass(frozen=True, kw_only=True)
class Figures(ABC):
    """What an integer network does in one engine, held against the float one in the same.

    Attributes:
        engine: in which both were computed.
        vnni: whether products of bytes are added in 32 bits, by the processor or, more slowly, by
            the engine; None where that is no question (no x86).
        emulated: whether the engine was kept from using what this processor has.
        counted: whether they are held against the limits: not where the file is for processors with
            VNNI and this was computed without.
        images: how many were measured on.
        difference: mean absolute difference of an answer: of a probability, or of a value in
            deviations of its target among the training images.
    """

    engine: str
    vnni: bool | None
    emulated: bool
    images: int
    difference: float
    counted: bool = True

    @property
    def title(self) -> str:
        """Where it was measured, for people."""
        if not self.emulated:
            return self.engine
        return f"{self.engine} without VNNI (emulated)"

    @property
    @abstractmethod
    def nearness(self) -> float:
        """How near the integer network comes to the float one; larger is nearer."""

    @property
    @abstractmethod
    def told(self) -> str:
        """That in words, such as ``agreement 98.2%``."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain values."""


@dataclass(frozen=True, kw_only=True)
class ClassFigures(Figures):
    """Of networks that tell classes.

    Attributes:
        agreement: share of images with the same likeliest class.
        float_top1: share of images that the float network gets right.
        top1: share of images that the integer network gets right.
        interval: 95 % interval of the top-1 that is lost, from the same images in both networks.
        float_loss: mean negative log likelihood of the float network, in nats.
        loss: that of the integer network.
    """

    agreement: float
    float_top1: float
    top1: float
    interval: tuple[float, float]
    float_loss: float
    loss: float

    @property
    def lost(self) -> float:
        """Top-1 that is lost; negative where some is gained."""
        return self.float_top1 - self.top1

    @property
    def nearness(self) -> float:
        """The agreement."""
        return self.agreement

    @property
    def told(self) -> str:
        """The agreement, in words."""
        return f"agreement {plain_percent(self.agreement)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "interval": list(self.interval), "lost": self.lost}


@dataclass(frozen=True, kw_only=True)
class TargetFigures:
    """Of one target, in its own unit.

    Attributes:
        name: of the target, with its unit.
        difference: mean absolute difference between the float and the integer network.
        of_deviation: the same, as a part of its deviation among the training images.
        float_mae: mean absolute error of the float network.
        mae: that of the integer network.
    """

    name: str
    difference: float
    of_deviation: float
    float_mae: float
    mae: float


@dataclass(frozen=True, kw_only=True)
class ValueFigures(Figures):
    """Of networks that tell numbers.

    Attributes:
        targets: of each, in its own unit.
    """

    targets: tuple[TargetFigures, ...]

    @property
    def nearness(self) -> float:
        """Less where values differ more."""
        return -self.difference

    @property
    def told(self) -> str:
        """The difference, in words."""
        return f"difference {plain_percent(self.difference, 2)} of a deviation"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "targets": [asdict(each) for each in self.targets]}


@dataclass(frozen=True, kw_only=True)
class Limits(ABC):
    """What an integer network may differ by.

    Attributes:
        target: processors that have to be inside.
    """

    target: Target = "any"

    @abstractmethod
    def problem(self, found: Figures) -> str:
        """Why `found` is outside, in a few words; empty where it is inside or does not count."""

    @property
    @abstractmethod
    def ways(self) -> str:
        """The options that allow more."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ClassLimits(Limits):
    """Of classes; fractions.

    Attributes:
        drop: top-1 that may be lost.
        agreement: share of images with the same likeliest class, at the least.
    """

    drop: float
    agreement: float

    def allowed(self, found: Figures) -> float:
        """Top-1 that may be lost where `found` was measured."""
        return self.drop if found.vnni is not False else max(self.drop, WITHOUT_VNNI)

    def problem(self, found: Figures) -> str:
        """As for `Limits`.

        A loss of top-1 is allowed up to `drop`, and as long as the images cannot tell it from none.
        """
        assert isinstance(found, ClassFigures)
        if not found.counted:
            return ""
        if found.agreement < self.agreement:
            return f"{plain_percent(found.agreement)} of answers agree in {found.title}"
        if found.lost > self.allowed(found) and found.interval[0] > 0:
            return f"top-1 loses {100 * found.lost:.2f} points in {found.title}"
        return ""

    @property
    def ways(self) -> str:
        """The options that allow more."""
        return f"{parameter('drop')} or {parameter('agreement')}"


@dataclass(frozen=True, kw_only=True)
class ValueLimits(Limits):
    """Of numbers.

    Attributes:
        difference: mean absolute difference of a value, in deviations of its target.
    """

    difference: float

    def problem(self, found: Figures) -> str:
        """As for `Limits`."""
        if not found.counted or found.difference <= self.difference:
            return ""
        return (
            f"values differ by {plain_percent(found.difference, 2)} of a deviation in {found.title}"
        )

    @property
    def ways(self) -> str:
        """The option that allows more."""
        return parameter("difference")
