"""The network as a whole: the few numbers at the head of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from striate.anatomy.costs.formulas import by, human_bytes, human_count
from striate.anatomy.graph.record import Graph
from striate.anatomy.receptive_field.axis import Number
from striate.anatomy.table import Totals, table


@dataclass(frozen=True, kw_only=True)
class Total:
    """A number as it is compared, as it is written, and what to know about it."""

    number: float
    text: str
    note: str


def totals(graph: Graph) -> Mapping[str, Total]:
    """What the network costs and sees, by the title of each number."""
    found = table(graph).totals
    seen = found.convolutional_receptive_field
    training = found.training_memory.total
    return {
        "MACs": Total(
            number=found.macs,
            text=human_count(found.macs),
            note="an image" if len(found.input) == 3 else "an input",
        ),
        "Parameters": Total(
            number=found.parameters, text=human_count(found.parameters), note=_idle(found)
        ),
        "Feature maps": Total(
            number=found.memory,
            text=human_bytes(found.memory),
            note=f"{human_bytes(training)} in training",
        ),
        "Receptive field": Total(
            number=0.0 if seen is None else float(max(seen)),
            text="–" if seen is None else by(_sides(seen, found)),
            note=_whole(found),
        ),
        "Depth": Total(number=found.depth, text=str(found.depth), note="weight layers"),
    }


def _sides(seen: Sequence[Number], found: Totals) -> tuple[str, ...]:
    """Rows and columns; of a line of samples, these alone."""
    sides = tuple(f"{float(side):g}" for side in seen)
    return sides[-1:] if len(found.input) == 2 else sides


def _whole(found: Totals) -> str:
    """What the receptive field is a part of."""
    if len(found.input) == 2:
        return f"of {found.input[1]:,} samples"
    return f"of {by(found.input[-2:])}" if len(found.input) in {3, 4} else ""


def _idle(found: Totals) -> str:
    """Which stored parameters a forward does not read."""
    if found.stored == found.parameters:
        return "all in use"
    names = ", ".join(found.unused[:3]) + (", …" if len(found.unused) > 3 else "")
    return f"of {human_count(found.stored)}; {names} idle"
