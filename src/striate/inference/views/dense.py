"""A network applied to whole images: at every position where its window fits, by convolution.

Simonyan 2014, Sec. 3.2: the fully connected layers become convolutions, the first of them of the
size of the map that it sees in training, the others 1×1; the map of class scores that comes out is
averaged. A network that averages its last map itself does so here as well, and needs no change:
behind the average is one linear layer, for which the mean of the scores is the score of the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from striate.data.preprocessing import Preprocessing
from striate.errors import NetworkError, StriateError, parameter
from striate.zoo.layers import at_any_size

_RESHAPES = (torch.flatten, Tensor.flatten, Tensor.reshape, torch.reshape, Tensor.view)
_POOLS: dict[str, Callable[..., Tensor]] = {
    "adaptive_avg_pool2d": F.avg_pool2d,
    "adaptive_max_pool2d": F.max_pool2d,
}


class Dense(nn.Module):
    """`network` on images of its own size or larger: maps (N, C, H, W) to logits (N, classes).

    Where the network flattens a map, the rows behind it are all windows of the map of the size that
    it has in training, of which convolutions would make the same.

    Args:
        network: maps images of the size of `preprocessing` to logits; in evaluation mode.
        preprocessing: the network's.

    Raises:
        StriateError: it cannot be applied so.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network.eval()
        device = next((each.device for each in network.parameters()), torch.device("cpu"))
        image = torch.zeros(1, *preprocessing.input_size, device=device)
        recorded = _Recorded()
        with torch.inference_mode(), recorded:
            self.network(image)
        self._sizes = recorded.sizes

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, classes): the mean of the logits of all positions."""
        try:
            with at_any_size(), _Windows(self._sizes):
                logits: Tensor = self.network(image)
        except (RuntimeError, IndexError, NetworkError) as error:
            raise StriateError(
                parameter("crops", "dense"),
                f"the network cannot be applied to whole images ({str(error).splitlines()[0]})",
                f"take {parameter('crops', '10')} or {parameter('crops', '144')}",
            ) from error
        return logits.reshape(len(image), -1, logits.shape[-1]).mean(1)


def flattened(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The map that `function` makes rows of; None where it does something else."""
    if function not in _RESHAPES or not args or args[0].ndim != 4:
        return None
    image: Tensor = args[0]
    shape = args[1:] or tuple(kwargs.values())
    if function in (torch.flatten, Tensor.flatten):
        begin, end = (*shape, -1)[:2] if shape else (0, -1)
        return image if begin == 1 and end in (-1, 3) else None
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = tuple(shape[0])
    rows = len(shape) == 2 and (shape[0] in (image.shape[0], -1))
    return image if rows and image.shape[2:].numel() >= 1 else None


class _OnMaps(TorchFunctionMode):
    """What becomes of each map that is flattened or pooled to a fixed size."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        pool = None
        if flattened(func, args, given) is None and not (pool := _pooled(func, args, given)):
            return func(*args, **given)
        found = self._of_map(args[0], pool, func)
        return func(*args, **given) if found is None else found

    def _of_map(self, image: Tensor, pool: tuple[int, int] | None, func: Any) -> Tensor | None:
        """What stands for `func` of the map `image`; None for what it gives itself.

        Args:
            image: (N, C, h, w).
            pool: the grid that it is pooled to; None where it is flattened.
            func: does either.
        """
        raise NotImplementedError


class _Recorded(_OnMaps):
    """Height and width of every such map, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def _of_map(self, image: Tensor, pool: tuple[int, int] | None, func: Any) -> None:
        self.sizes.append((image.shape[2], image.shape[3]))


class _Windows(_OnMaps):
    """Rows for all windows, where in training there was one."""

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        super().__init__()
        self._sizes = iter(sizes)

    def _of_map(self, image: Tensor, pool: tuple[int, int] | None, func: Any) -> Tensor | None:
        size = next(self._sizes, None)
        if size is None:
            raise NetworkError("the network", "takes another way through a larger image")
        if size == tuple(image.shape[2:]):
            return None
        if pool is not None:
            return _pool_as_trained(image, pool, size, _POOLS[func.__name__])
        windows = F.unfold(image, size)  # (N, C·h·w, positions)
        return windows.transpose(1, 2).reshape(-1, windows.shape[1])


def _pooled(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, int] | None:
    """The grid, larger than 1×1, that `func` pools a map to whatever its size."""
    if getattr(func, "__name__", "") not in _POOLS:
        return None
    wanted = args[1] if len(args) > 1 else kwargs["output_size"]
    high, wide = (wanted, wanted) if isinstance(wanted, int) else wanted
    return None if high is None or wide is None or high == wide == 1 else (high, wide)


def _pool_as_trained(
    image: Tensor, grid: tuple[int, int], size: tuple[int, int], pool: Callable[..., Tensor]
) -> Tensor:
    """Pool as a map of `size` was pooled to `grid`: with that kernel, over a larger map."""
    if any(whole % cells for whole, cells in zip(size, grid, strict=True)):
        raise NetworkError("the network", f"pools a map of {size} to {grid}, by uneven cells")
    return pool(image, tuple(whole // cells for whole, cells in zip(size, grid, strict=True)))
