"""What each operator of a trained network answered to one picture, as small sheets of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph
from striate.anatomy.graph.recorder import Entry, Recorder
from striate.anatomy.graph.shadow import shadow, shared
from striate.anatomy.graph.shapes import Functions
from striate.anatomy.view.picture import as_address

CHANNELS = 16  # of an operator
ACROSS = 4  # tiles in a row of a sheet
QUALITY = 62

#: With at most so many sheets, the longest side of a tile: the page stays at 2 MB or so.
_TILES = ((60, 56), (200, 40), (1200, 28))
_LEAST_TILE = 16

#: The picture itself is shown, and what renames values shows nothing new.
_BARE = PLUMBING | {"input"}


class _Watch(Recorder):  # type: ignore[no-untyped-call]
    """Keeps a sheet of every feature map in the moment that it is made, before it changes."""

    def __init__(self, network: nn.Module, tile: int) -> None:
        super().__init__(network, values=True)
        self.sheets: dict[int, dict[str, Any]] = {}
        self._tile = tile

    def _add(self, value: Tensor, entry: Entry) -> int:
        index = super()._add(value, entry)
        if entry.operator not in _BARE and value.dim() == 4 and min(value.shape[2:]) > 1:
            maps = value[0].detach().float().numpy()
            if np.isfinite(maps).all():
                self.sheets[index] = _sheet(maps, self._tile)
        return index


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a network did with a picture: a sheet for each operator with a grid, and its answer."""

    sheets: dict[int, dict[str, Any]]
    output: Any


def watch(network: nn.Module, graph: Graph, image: Tensor) -> Watched:
    """Run `network`, recorded as `graph`, on `image`, (1, C, H, W), and keep what it did.

    A sheet is ``{"src", "tile": [height, width], "across", "channels"}``: an image of tiles, a
    channel each, those that differ most from place to place first, each from its least value
    (black) to its greatest (white). A copy runs, with the same weights: the network stays as it is.
    """
    count = sum(len(node.shape) == 4 for node in graph.nodes)
    tile = next((side for most, side in _TILES if count <= most), _LEAST_TILE)
    copied = shadow(network, shared, training=False)
    seen = _Watch(copied, tile)
    with torch.no_grad(), Functions(), seen:
        output = copied(seen.add_input(image))
    same = {
        index
        for index, (entry, node) in enumerate(zip(seen.entries, graph.nodes, strict=False))
        if (entry.operator, entry.module, entry.shape) == (node.operator, node.module, node.shape)
    }
    sheets = {index: sheet for index, sheet in seen.sheets.items() if index in same}
    return Watched(sheets=sheets, output=output)


def _sheet(maps: NDArray[np.float32], tile: int) -> dict[str, Any]:
    """Tiles of the channels of `maps`, (C, H, W), that vary most."""
    chosen = np.argsort(-maps.std(axis=(1, 2)), kind="stable")[:CHANNELS]
    height, width = maps.shape[1:]
    scale = min(1.0, tile / max(height, width))
    down, across = max(1, round(height * scale)), max(1, round(width * scale))
    columns = min(ACROSS, len(chosen))
    rows = -(-len(chosen) // columns)
    sheet = np.zeros((rows * down, columns * across, 1), np.uint8)
    for place, channel in enumerate(chosen):
        y, x = place // columns * down, place % columns * across
        sheet[y : y + down, x : x + across, 0] = _tile(maps[channel], down, across)
    return {
        "src": as_address(sheet, quality=QUALITY),
        "tile": [down, across],
        "across": columns,
        "channels": [int(channel) for channel in chosen],
    }


def _tile(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    grey = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    image = Image.fromarray(grey.astype(np.float32))
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BOX)
    pixels: NDArray[np.uint8] = np.clip(np.asarray(image).round(), 0, 255).astype(np.uint8)
    return pixels
