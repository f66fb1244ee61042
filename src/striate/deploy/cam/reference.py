"""Heat maps by PyTorch's own gradients, with which those of a file are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from striate.errors import ExportError, parameter


class _LastMap(TorchFunctionMode):
    """Keeps the last tensor of a grid that any of torch's functions gives."""

    def __init__(self, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid, self.map = grid, None

    map: Tensor | None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor) and found.ndim == 4 and found.shape[2:] == self.grid:
            self.map = found
        return found


def heat_maps(
    network: nn.Module, images: Tensor, label: int, grid: tuple[int, int]
) -> NDArray[np.float32]:
    """Grad-CAM of a class by autograd, float32 (N, height, width), with its sign.

    Args:
        network: in evaluation mode; gives scores (N, classes).
        images: (N, C, H, W), normalised.
        label: the number of the class.
        grid: height and width of the last feature map.

    Raises:
        ExportError: the network gives no map of that grid.
    """
    with torch.enable_grad(), _LastMap(grid) as seen:
        scores = network(
            images.clone().requires_grad_().mul(1)
        )  # layers may write into their input
        found = seen.map
        if found is None:
            raise ExportError(
                parameter("cam"), "the network's last feature map is not PyTorch's", "leave it out"
            )
        (gradient,) = torch.autograd.grad(scores[:, label].sum(), found)
    weighted = gradient.mean((2, 3), keepdim=True) * found
    maps: NDArray[np.float32] = weighted.sum(1).detach().numpy()
    return maps
