"""Growing sizes that a network can take: a recipe is for all networks, and some take one size."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.errors import StriateError
from striate.recipes.recipe import Recipe
from striate.recipes.sizes import Sizes
from striate.zoo.layers import Network

#: Positions a side that the coarsest feature map has at least: with one, a convolution of 3 x 3
#: sees nothing but its padding.
_LEAST_POSITIONS = 2


def fit_sizes(
    recipe: Recipe, network: nn.Module, shape: tuple[int, int, int]
) -> tuple[Recipe, str]:
    """The recipe with sizes that `network` can take, and a note where these are not what it says.

    Sizes are tried without numbers, on meta tensors.

    Args:
        recipe: that trains the network.
        network: whose ``strides``, where it is one of ours, bound its smallest input.
        shape: (channels, height, width) of the images that it is used at.
    """
    sizes, (channels, *own) = recipe.sizes, shape
    if not sizes.vary:
        return recipe, ""
    # Other people's networks may mean anything by that name.
    strides = network.strides if isinstance(network, Network) else (1,)
    least = _LEAST_POSITIONS * max(strides)
    wanted = sorted(set(sizes.of_all(recipe.epochs, (own[0], own[1]))))
    large = [size for size in wanted if min(size) >= least]
    # What takes two of them, the second no multiple of what the first is, takes larger ones.
    first = next(
        (k for k in range(len(large)) if _takes_all(network, channels, large[k : k + 2])), None
    )
    if first is None:
        note = f"the network is trained at {own[0]} x {own[1]} pixels throughout: it takes no other"
        return replace(recipe, sizes=Sizes()), note
    if large[first] == wanted[0]:
        return recipe, ""
    start, end = large[first][0] / own[0], sizes.end
    note = f"training images grow from {large[first][0]} pixels on: the network takes no smaller"
    return replace(recipe, sizes=replace(sizes, start=start, end=max(start, end))), note


def _takes_all(network: nn.Module, channels: int, sizes: list[tuple[int, int]]) -> bool:
    try:
        for size in sizes:
            count_macs(network, (channels, *size))
    except StriateError:
        return False
    return True
