"""Which layers cost most in integers: measured, a block of consecutive ones at a time.

What a layer loses of its own signal says little of what the answers lose: later layers forgive much
of it, and rounding that a whole block shares costs each of its layers. So a block stays float, all
else integer, and the answers tell how much of the difference goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from striate.engines.session import Answers

MOST_BLOCKS = 16
"""Networks that are made and computed for a ranking."""

_ONE = np.ones(())

Block = tuple[str, ...]
"""Names of consecutive layers."""


def blocks(layers: Sequence[str], most: int = MOST_BLOCKS) -> list[Block]:
    """`layers` in order, in blocks of one size but for one layer.

    Examples:
        >>> blocks("abcdefg", 3)
        [('a', 'b'), ('c', 'd'), ('e', 'f', 'g')]
    """
    count = min(most, len(layers))
    ends = [len(layers) * number // count for number in range(count + 1)]
    return [tuple(layers[one:other]) for one, other in pairwise(ends)]


def worst_first(
    found: Sequence[Block],
    floats: Answers,
    answers: Callable[[Block], Answers],
    unit: NDArray[np.float64] = _ONE,
) -> list[Block]:
    """Blocks, those that cost most in front; equals in their order.

    Args:
        found: the blocks.
        floats: answers of the float network, (images, K).
        answers: those of an integer network in which one block stays float.
        unit: in which differences are measured, (K,) or one for all.
    """
    left = [float((np.abs(answers(block) - floats) / unit).mean()) for block in found]
    return [found[number] for number in np.argsort(left, kind="stable")]
