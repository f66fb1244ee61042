"""The steps that a quantisation takes until one is inside the limits, and which that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from striate.deploy.quantise.figures import Figures, Limits
from striate.deploy.quantise.ranking import Block
from striate.support.words import count


@dataclass(frozen=True, kw_only=True)
class Step:
    """One way to quantise, measured.

    Attributes:
        bits: of weights.
        floats: names of the layers that stay float.
        figures: what was measured.
        problem: why it is outside the limits; empty where it is inside.
    """

    bits: int
    floats: tuple[str, ...]
    figures: tuple[Figures, ...]
    problem: str

    @property
    def title(self) -> str:
        """What is done, in words."""
        return titled(self.bits, len(self.floats))

    @property
    def worst(self) -> float:
        """How near the engine that counts and is farthest comes."""
        return min(each.nearness for each in self.figures if each.counted)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "weights": self.bits,
            "float_layers": list(self.floats),
            "inside": not self.problem,
            "problem": self.problem,
            "figures": [each.to_json() for each in self.figures],
        }


def titled(bits: int, floats: int) -> str:
    """A step in words.

    Examples:
        >>> titled(8, 0), titled(7, 2)
        ('8-bit weights', '7-bit weights, 2 layers float')
    """
    behind = f", {count(floats)} layers float" if floats else ""
    return f"{bits}-bit weights{behind}"


def steps(
    measure: Callable[[int, tuple[str, ...]], Sequence[Figures]],
    ranked: Callable[[int], Sequence[Block]],
    limits: Limits,
) -> Iterator[Step]:
    """Steps, each measured as it is asked for, until one is inside `limits` or none is left.

    Weights of 8 bits first, then of 7, which are for processors without VNNI alone. If neither
    does, the better of the two goes on with the blocks of layers float that cost most: 1, 2, 4 …
    of them, up to half of the layers.

    Args:
        measure: gives the figures of a number of bits, and names of layers that stay float.
        ranked: gives all layers in blocks, with weights of a number of bits, those in front that
            cost most. It is asked if integers alone are outside.
        limits: what is allowed.
    """

    def step(bits: int, floats: tuple[str, ...]) -> Step:
        figures = tuple(measure(bits, floats))
        problems = [problem for each in figures if (problem := limits.problem(each))]
        return Step(bits=bits, floats=floats, figures=figures, problem="; ".join(problems))

    whole = []
    for bits in (8, 7) if limits.target == "any" else (8,):
        whole.append(step(bits, ()))
        yield whole[-1]
        if not whole[-1].problem:
            return
    bits = max(whole, key=lambda each: each.worst).bits
    worst_first = ranked(bits)
    most = sum(map(len, worst_first)) // 2
    number = 1
    while len(floats := tuple(name for block in worst_first[:number] for name in block)) <= most:
        last = step(bits, floats)
        yield last
        if not last.problem:
            return
        number *= 2
