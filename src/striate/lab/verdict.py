"""The rule that turns results into a verdict, written down before a run.

A statement says of one effect that it is at least, at most, or nowhere near as large as the least
effect that counts, to one side or to both. The effect is measured once with each seed, within which
all settings are compared, so that what a seed does to all of them alike falls out: a paired
comparison. Its mean has a 95 % interval by Student's t over the seeds, and that interval alone
decides:

- *supported*: all of the interval is where the statement says;
- *contradicted*: none of it is;
- *undecided*: some of it is. More seeds make the interval shorter.

For sameness this is the test of equivalence of Schuirmann 1987 ("A comparison of the two one-sided
tests procedure and the power approach", at 2.5 % a side), for more and less a test against the
least effect that counts instead of against nothing: a difference that is surely there and too small
to matter contradicts the claim that it matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from striate.support.words import amount, figure, points

Verdict: TypeAlias = Literal["supported", "contradicted", "undecided"]
Wanted: TypeAlias = Literal["more", "less", "same", "not more", "not less"]
Unit: TypeAlias = Literal["points", "times", "number"]

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What has to hold of an effect.

    Attributes:
        says: it in words.
        figure: which of the measured numbers it is about.
        contrast: the effect, as a weight of each setting in it: `against` makes the usual one.
        wants: whether the effect has to be ``more`` than `least`, ``less`` than minus `least`, or
            the ``same`` within it; of ratios, more than `least` times, or less than one `least`-th.
            ``not more`` and ``not less`` are one side of the same.
        least: the least effect that counts: above 0, of ratios above 1.
        unit: ``points`` of a share, in which `least` is given as a share; ``times``, a ratio of
            positive numbers; or a plain ``number``.
        decides: whether the claim hangs on it; other statements are told beside it.
    """

    says: str
    figure: str
    contrast: Mapping[str, float]
    wants: Wanted
    least: float
    unit: Unit = "number"
    decides: bool = True

    def effects(self, values: Mapping[str, Sequence[float]]) -> list[float]:
        """The effect with each seed, of ratios its logarithm.

        Args:
            values: of each setting in the contrast the figure with each seed, in the same order.

        Raises:
            ValueError: a ratio is asked of what is not positive.
        """
        columns = {name: np.asarray(values[name], np.float64) for name in self.contrast}
        if self.unit == "times":
            if any((column <= 0).any() for column in columns.values()):
                raise ValueError(f"{self.figure} has no ratio: it is not positive everywhere")
            columns = {name: np.log(column) for name, column in columns.items()}
        total = sum(weight * columns[name] for name, weight in self.contrast.items())
        return [float(each) for each in np.atleast_1d(total)]

    def judge(self, values: Mapping[str, Sequence[float]]) -> Judged:
        """What the results say of it; see `effects` for `values`."""
        effects = self.effects(values)
        low, high = interval(effects)
        least = math.log(self.least) if self.unit == "times" else self.least
        return Judged(
            statement=self,
            effects=tuple(effects),
            mean=float(np.mean(effects)),
            interval=(low, high),
            verdict=decide(low, high, self.wants, least),
        )

    def told(self, value: float) -> str:
        """An effect as `effects` gives it, in words.

        Examples:
            >>> Statement(says="", figure="", contrast={}, wants="more", least=0.01,
            ...           unit="points").told(0.0312)
            '+3.1 points'
        """
        if self.unit == "times":
            return f"{amount(math.exp(min(value, 700)), 3)} times"
        if self.unit == "points":
            return f"{points(value, 1)} points"
        return f"{'+' if value > 0 else ''}{figure(value)}"

    @property
    def threshold(self) -> str:
        """The least effect that counts, and in which direction, in words."""
        log = math.log(self.least) if self.unit == "times" else self.least
        if self.wants == "more":
            return f"at least {self.told(log)}"
        if self.wants == "less":
            return f"at most {self.told(-log)}"
        if self.wants == "not more":
            return f"less than {self.told(log)}"
        if self.wants == "not less":
            return f"more than {self.told(-log)}"
        return f"between {self.told(-log)} and {self.told(log)}"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A statement with what the results say of it; ratios are logarithms here.

    Attributes:
        statement: what was judged.
        effects: with each seed.
        mean: of these.
        interval: of the mean, 95 %; without bounds for a single seed.
        verdict: by the rule.
    """

    statement: Statement
    effects: tuple[float, ...]
    mean: float
    interval: tuple[float, float]
    verdict: Verdict

    @property
    def told(self) -> str:
        """The effect with its interval, in words."""
        say, (low, high) = self.statement.told, self.interval
        if not math.isfinite(low):
            return f"{say(self.mean)} (one seed: no interval)"
        unit = f" {self.statement.unit}" if self.statement.unit != "number" else ""
        ends = " to ".join(say(end).removesuffix(unit) for end in (low, high))
        return f"{say(self.mean)} ({ends})"


def against(setting: str, other: str) -> dict[str, float]:
    """The contrast of one setting with another: their difference, or their ratio.

    Examples:
        >>> against("relu", "sigmoid")
        {'relu': 1.0, 'sigmoid': -1.0}
    """
    return {setting: 1.0, other: -1.0}


#: What a statement says, of which figure, the effect, what is wanted of it, the least that counts.
Stated: TypeAlias = tuple[str, str, Mapping[str, float], Wanted, float]


def statements(
    rows: Sequence[Stated], *, deciding: int, units: Mapping[str, Unit] | None = None
) -> tuple[Statement, ...]:
    """Statements, a row each.

    Args:
        rows: of these statements.
        deciding: the claim hangs on so many of them, the first.
        units: of figures that are no shares; effects on shares are told in points.
    """
    return tuple(
        Statement(
            says=says,
            figure=figure,
            contrast=contrast,
            wants=wants,
            least=least,
            unit=(units or {}).get(figure, "points"),
            decides=place < deciding,
        )
        for place, (says, figure, contrast, wants, least) in enumerate(rows)
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of `values`, by Student's t.

    Examples:
        >>> [round(end, 4) for end in interval([1.0, 2.0, 3.0])]
        [-0.4841, 4.4841]
        >>> interval([1.0])
        (-inf, inf)
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    if len(values) < 2:
        return -math.inf, math.inf
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(stdtrit(len(values) - 1, 0.5 + CONFIDENCE / 2)) * std / math.sqrt(len(values))
    return mean - half, mean + half


def decide(low: float, high: float, wants: Wanted, least: float) -> Verdict:
    """What an effect between `low` and `high` says of a statement.

    Examples:
        >>> decide(0.2, 0.4, "more", 0.1), decide(-0.2, 0.05, "more", 0.1)
        ('supported', 'contradicted')
        >>> decide(0.05, 0.2, "more", 0.1), decide(-0.05, 0.05, "same", 0.1)
        ('undecided', 'supported')
        >>> decide(-0.05, 0.2, "not less", 0.1), decide(0.05, 0.2, "not more", 0.1)
        ('supported', 'undecided')
    """
    if wants in ("less", "not more"):
        return decide(-high, -low, "more" if wants == "less" else "not less", least)
    if wants == "more":
        inside, outside = low >= least, high < least
    elif wants == "not less":
        inside, outside = low > -least, high <= -least
    else:
        inside, outside = -least < low and high < least, low >= least or high <= -least
    return "supported" if inside else "contradicted" if outside else "undecided"


def whole(judged: Sequence[Judged]) -> Verdict:
    """The verdict on a claim by those of the statements that it hangs on.

    One that is contradicted contradicts it; all have to be supported for it to be supported.
    """
    found = {each.verdict for each in judged if each.statement.decides}
    if "contradicted" in found:
        return "contradicted"
    return "undecided" if "undecided" in found else "supported"
