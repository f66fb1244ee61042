"""The network as a whole: the few numbers at the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from striate.anatomy.formulas import by, human_bytes, human_count
from striate.anatomy.record import Graph
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
        "MACs": Total(number=found.macs, text=human_count(found.macs), note="an image"),
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
            text="–" if seen is None else by(tuple(f"{float(side):g}" for side in seen)),
            note=f"of {by(found.input[1:])}" if len(found.input) == 3 else "",
        ),
        "Depth": Total(number=found.depth, text=str(found.depth), note="weight layers"),
    }


def _idle(found: Totals) -> str:
    """Which stored parameters a forward does not read."""
    if found.stored == found.parameters:
        return "all in use"
    names = ", ".join(found.unused[:3]) + (", …" if len(found.unused) > 3 else "")
    return f"of {human_count(found.stored)}; {names} idle"
