"""What an experiment is: a claim, what is compared, how it is measured, and what decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from striate.errors import StriateError, parameter
from striate.lab.verdict import Statement
from striate.support.words import plain_percent

if TYPE_CHECKING:
    from markupsafe import Markup

    from striate.lab.results import Results

Measured: TypeAlias = "Mapping[str, float | Sequence[float]]"
"""What is measured of one setting with one seed: finite numbers, or lists of them."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Under what all settings of an experiment are measured alike.

    Attributes:
        data: a name or a folder that `striate.train` takes; None for experiments without images.
        target: a number that images are answered with; None for their classes.
        images: the most to train on and to judge by, of which every class has its share.
        epochs: of each training; 0 where nothing is trained.
        quick: only to see that everything works; an experiment makes itself small where it is.
    """

    data: str | None = None
    target: str | None = None
    images: tuple[int, int] = (1_000_000, 1_000_000)
    epochs: int = 0
    quick: bool = False


QUICK = Conditions(data="shapes:size=16,images=40,count=1", images=(16, 16), epochs=1, quick=True)
"""Those of a training that takes a second."""


@dataclass(frozen=True, kw_only=True)
class Equal:
    """What is held equal between settings.

    Attributes:
        what: a noun, such as ``"parameters"``.
        values: of each setting, or of each of those that it has to be equal for.
        within: the relative difference that is let pass, of the largest from the least.
    """

    what: str
    values: Mapping[str, float]
    within: float = 0.0

    @property
    def apart(self) -> float:
        """The relative difference of the largest from the least.

        Examples:
            >>> Equal(what="MACs", values={"wide": 110.0, "deep": 100.0}).apart
            0.1
        """
        low, high = min(self.values.values()), max(self.values.values())
        return (high - low) / low if low else float(high > low)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A claim and how it is tested; see `striate.lab`.

    Attributes:
        name: what the command calls it.
        number: its place in the notes.
        title: what it is about, in a word or two.
        claim: the sentence that is tested.
        source: who says so.
        chinese: title and claim in Chinese.
        settings: what is compared, in the order in which it is shown.
        measure: from (setting, seed, conditions) to numbers.
        equal: from conditions to what is held equal.
        statements: what has to hold for the claim to be supported.
        figure: from results to an SVG that `striate.lab.drawing` made.
        caption: what the figure shows.
        shown: (figure of the results, heading) of each column of the table.
        cannot: what it cannot show, a sentence each.
        conditions: those of results that count.
        seeds: how many, likewise.
        quick: conditions that take seconds.
    """

    name: str
    number: int
    title: str
    claim: str
    source: str
    chinese: tuple[str, str]
    settings: tuple[str, ...]
    measure: Callable[[str, int, Conditions], Measured]
    equal: Callable[[Conditions], Sequence[Equal]]
    statements: tuple[Statement, ...]
    figure: Callable[[Results], Markup]
    caption: str = "A point is a seed; the stroke is their mean, the line its 95 % interval."
    shown: tuple[tuple[str, str], ...]
    cannot: tuple[str, ...]
    conditions: Conditions = field(default_factory=Conditions)
    seeds: int = 5
    quick: Conditions = field(default_factory=lambda: Conditions(quick=True))

    def under(self, *, data: str | None, epochs: int | None, quick: bool) -> Conditions:
        """Its own conditions with what a person asks for laid over them.

        Raises:
            StriateError: images or epochs are asked for where there are none.
        """
        own = self.quick if quick else self.conditions
        for name, asked, has in (("data", data, own.data), ("epochs", epochs, own.epochs)):
            if asked is not None and not has:
                why = f"is nothing that the experiment {self.name} has"
                raise StriateError(parameter(name, asked), why, "leave it out")
        found = replace(own, data=own.data if data is None else data)
        return replace(found, epochs=own.epochs if epochs is None else epochs)

    def held_equal(self, conditions: Conditions) -> tuple[Equal, ...]:
        """What is held equal, which it is.

        Raises:
            StriateError: it is not, under these conditions.
        """
        found = tuple(self.equal(conditions))
        for each in found:
            if each.apart > each.within:
                told = ", ".join(f"{name} {value:,.6g}" for name, value in each.values.items())
                why = f"{each.what} are not equal within {plain_percent(each.within)}: {told}"
                raise StriateError(f"the experiment {self.name}", why, "take other data")
        return found
