"""Two shares of the same images: the interval of their difference, and whether there is any."""

from __future__ import annotations

import math
from collections.abc import Sequence

from striate.evaluation.metrics import Z95


def paired_interval(lost: int, gained: int, images: int) -> tuple[float, float]:
    """The 95 % interval of a difference between two shares of the same images.

    Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions":
    Wald's interval after adding half an image to each cell of the two-by-two table.

    Args:
        lost: images that only the first gets right.
        gained: images that only the second gets right.
        images: of all.

    Examples:
        >>> low, high = paired_interval(12, 3, 736)
        >>> round(100 * low, 2), round(100 * high, 2)
        (0.16, 2.28)
    """
    n, off, on = images + 2, lost + 0.5, gained + 0.5
    centre = (off - on) / n
    half = Z95 * math.sqrt(max(off + on - (off - on) ** 2 / n, 0)) / n
    return max(centre - half, -1.0), min(centre + half, 1.0)


def mcnemar(lost: int, gained: int) -> float:
    """The exact p-value of McNemar's test, two-sided.

    McNemar 1947, "Note on the sampling error of the difference between correlated proportions or
    percentages": were both as good, each image that only one of them gets right would be the
    first's or the second's with equal chance. The p-value is how likely they would then be divided
    at least as unevenly as they are.

    Args:
        lost: images that only the first gets right.
        gained: images that only the second gets right.

    Examples:
        >>> round(mcnemar(12, 3), 4), mcnemar(5, 5), mcnemar(0, 0)
        (0.0352, 1.0, 1.0)
    """
    if lost == gained:
        return 1.0
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    return float(binomtest(lost, lost + gained, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """`p_values` of several tests made at once, adjusted so that 0.05 is the risk of any mistake.

    Holm 1979, "A simple sequentially rejective multiple test procedure".

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, i in enumerate(order):
        least = max(least, min((len(p_values) - rank) * p_values[i], 1.0))
        adjusted[i] = least
    return adjusted
