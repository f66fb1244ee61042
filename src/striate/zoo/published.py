"""What papers and authors published about networks' errors; reading it needs no torch.

The networks of this package are not promised to reach these figures: each belongs to the weights
that its source trained, and to the crops it was measured on.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("published.json")

#: The data set that networks are compared on, unless they were never measured on it.
IMAGENET = "ILSVRC-2012 validation"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published measurement of one network, never of several averaged.

    Attributes:
        data: the data set and the part of it.
        top1: error as a fraction; None where the source does not give it.
        top5: error as a fraction; None where the source does not give it.
        crops: what was shown of each image.
        source: where it stands; "paper" is the network's own.
        confidence: ``read`` in the source or a transcription of it, or ``recalled`` from memory.
    """

    data: str
    top1: float | None
    top5: float | None
    crops: str
    source: str
    confidence: str

    @property
    def single(self) -> bool:
        """Whether the network looked once at each image, so that figures compare."""
        return self.crops.startswith("1 crop")


@functools.cache
def published() -> dict[str, tuple[Figure, ...]]:
    """Every network's figures by its name; none where nobody published any."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: tuple(Figure(**row) for row in figures) for name, figures in rows.items()}


def comparable(
    figures: Mapping[str, Sequence[Figure]], measure: str | None = None
) -> tuple[str, str, dict[str, Figure]]:
    """The data set, the measure (``top1`` or ``top5``) and a figure for as many as have one.

    ImageNet where networks have been measured on it; the data set that most of them share
    otherwise. A figure of a single look is taken before one of many crops, the first listed before
    others. Networks without a figure are missing from the answer.
    """
    choices = []
    for data in {one.data for each in figures.values() for one in each}:
        for wanted in (measure,) if measure else ("top1", "top5"):
            found = {
                name: min(fitting, key=lambda one: not one.single)
                for name, each in figures.items()
                if (
                    fitting := [
                        one for one in each if one.data == data and getattr(one, wanted) is not None
                    ]
                )
            }
            order = (len(found), data == IMAGENET, sum(one.single for one in found.values()))
            choices.append((order, wanted, data, found))
    if not choices:
        return "", measure or "top1", {}
    # Of equals, top-1: the alphabet has it last when turned round.
    _, wanted, data, found = max(choices, key=lambda one: (one[0], one[1] == "top1", one[2]))
    return data, wanted, found
