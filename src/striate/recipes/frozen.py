"""What stands for a recipe where the backbone is frozen: how the head on top of it was fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from striate.recipes.choices import ClassWeights
from striate.recipes.recipe import CountOrNone, NotNegative
from striate.support.tables import ADDED, Bounds, check_bounds, stored

REFERENCE = "Donahue et al. 2014, 'DeCAF' (arXiv 1310.1531); Razavian et al. 2014 (arXiv 1403.6382)"

HeadKind = Literal["softmax", "svm", "svm-rbf", "ridge", "svr", "svr-rbf"]


@dataclass(frozen=True, kw_only=True)
class HeadFit:
    """``[recipe.head]``: which head was fitted, and what was chosen for it."""

    kind: HeadKind
    penalty: Literal["l2", "l1"]
    C: NotNegative = field(metadata=stored("strength"))
    """As scikit-learn has it: the larger, the weaker the regularisation; of ridge regression
    ``1 / (2 · alpha)``."""
    folds: CountOrNone
    """Of the cross-validation that chose; 0 where no image could be held out."""
    gamma: Annotated[float | None, Bounds(0, math.inf)] = field(
        default=None, metadata=stored("width")
    )
    """Of the Gaussian kernel; None for other heads."""

    class_weights: ClassWeights = field(default="none", metadata=ADDED)
    """``balanced``: each class weighs as if all were equally frequent."""
    epsilon: Annotated[float | None, Bounds(0, math.inf)] = field(default=None, metadata=ADDED)
    """Of support vector regression, in standard deviations of the target; None for other heads."""

    def __post_init__(self) -> None:
        check_bounds(self, "head")

    @property
    def chosen(self) -> str:
        """What cross-validation chose, for people.

        Examples:
            >>> HeadFit(kind="ridge", penalty="l2", C=0.5, folds=5).chosen
            'alpha = 1'
            >>> HeadFit(kind="svr", penalty="l2", C=0.5, folds=5, epsilon=0.03).chosen
            'C = 0.5, epsilon = 0.03'
        """
        if self.kind == "ridge" and self.C > 0:
            return f"alpha = {1 / (2 * self.C):.3g}"
        named = {"C": self.C, "gamma": self.gamma, "epsilon": self.epsilon}
        return ", ".join(f"{name} = {v:.3g}" for name, v in named.items() if v is not None)


@dataclass(frozen=True, kw_only=True)
class FrozenRecipe:
    """The recipe of a run whose network was not trained step by step."""

    name: str = "frozen_backbone"
    reference: str = REFERENCE
    """Papers that it follows."""
    head: HeadFit
