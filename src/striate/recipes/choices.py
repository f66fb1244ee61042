"""What a recipe may say by name, without what reading one takes: options are made of it as well."""

from typing import Literal, get_args

ClassWeights = Literal["none", "balanced"]
"""Whether classes weigh the same in the loss, or as if all were equally frequent."""
Select = Literal["top1", "loss", "balanced", "f1", "mae", "rmse"]
"""By which figure the epoch is chosen whose weights are kept."""
OfClasses = Literal["top1", "balanced", "f1"]
"""Those of them that numbers do not have."""
OfNumbers = Literal["mae", "rmse"]
"""Those that classes do not have."""
NumberLoss = Literal["squared", "absolute", "huber"]
"""What is minimised where images have numbers."""
NUMBER_LOSSES = get_args(NumberLoss)
