"""Which experiments there are, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, overload

from striate.lab.book import experiments
from striate.support.shown import Shown

if TYPE_CHECKING:
    from striate.lab.experiment import Experiment


class ExperimentList(Shown, Sequence["Experiment"]):
    """Experiments in the order of the notes."""

    shown_by: ClassVar[str] = "striate.lab.terminal:show_list"

    def __init__(self, found: Sequence[Experiment]) -> None:
        self._found = tuple(found)

    @overload
    def __getitem__(self, index: int) -> Experiment: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Experiment, ...]: ...

    def __getitem__(self, index: int | slice) -> Experiment | tuple[Experiment, ...]:
        """One of them, or several."""
        return self._found[index]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._found)

    def __iter__(self) -> Iterator[Experiment]:
        """One after the other."""
        return iter(self._found)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [
            {
                "name": each.name,
                "number": each.number,
                "title": each.title,
                "claim": each.claim,
                "source": each.source,
                "settings": list(each.settings),
                "data": each.conditions.data,
                "epochs": each.conditions.epochs or None,
                "seeds": each.seeds,
            }
            for each in self
        ]


def listed() -> ExperimentList:
    """All experiments."""
    return ExperimentList(experiments())
