"""What a recipe may say by name, without what reading one takes: options are made of it as well."""

from typing import Literal

ClassWeights = Literal["none", "balanced"]
"""Whether classes weigh the same in the loss, or as if all were equally frequent."""
Select = Literal["top1", "loss", "balanced", "f1"]
"""By which figure the epoch is chosen whose weights are kept."""
