"""A scene as pixels, in whole numbers alone."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.random import PIXEL_NOISE, uniforms
from striate.data.shapes.forms import FORMS, ONE, TEXTURES, Mask, Points, cosine, sine
from striate.data.shapes.scenes import EIGHTH, Scene, Slip
from striate.data.shapes.settings import Settings

_FINE = 4
"""Points a side of a pixel, of which it is counted how many a shape covers."""
_CLOUD = 8
"""Pixels between the corners of the ground's clouds."""
_CLOUDY = 24
"""Levels, of 255, by which they are lighter or darker."""

_Window: TypeAlias = tuple[slice, slice]
_Colour: TypeAlias = tuple[int, int, int]


def paint(settings: Settings, scene: Scene, index: int) -> NDArray[np.uint8]:
    """The picture of that number: uint8 (size, size, 3)."""
    clouds, noise = _chance(settings, index)
    canvas = np.array(scene.ground, np.int64) + clouds[:, :, None]
    for slip in scene.slips:
        _lay_slip(canvas, slip)
    for place in scene.places:
        _lay_shape(canvas, scene, place)
    levels: Points = np.clip(canvas + noise[:, :, None], 0, 255)
    return levels.astype(np.uint8)


def _chance(settings: Settings, index: int) -> tuple[Points, Points]:
    """Clouds and noise of a picture, each (size, size), in levels."""
    size, amount = settings.size, settings.noise
    side = (size - 1) // _CLOUD + 2
    drawn = uniforms(settings.seed, 0, [index], side**2 + size**2, PIXEL_NOISE)[0]
    lattice = (drawn[: side**2] * (2 * _CLOUDY + 1)).astype(np.int64) - _CLOUDY
    noise = (drawn[side**2 :] * (2 * amount + 1)).astype(np.int64) - amount
    return _between(lattice.reshape(side, side), size), noise.reshape(size, size)


def _between(lattice: Points, size: int) -> Points:
    """The values at the corners of a lattice, and those between in proportion (bilinear)."""
    low, part = np.divmod(np.arange(size), _CLOUD)
    rows = lattice[low] * (_CLOUD - part)[:, None] + lattice[low + 1] * part[:, None]
    both: Points = rows[:, low] * (_CLOUD - part) + rows[:, low + 1] * part
    return both // _CLOUD**2


def _lay_shape(canvas: Points, scene: Scene, place: tuple[int, int]) -> None:
    """Paint one shape over what is there, its texture in a paler tone."""
    radius = scene.diameter * _FINE // 2
    window, x, y = _points(place, scene.diameter // 2, canvas.shape[0])
    along, down = (each // radius for each in _turned(x, y, scene.angle))
    inside = FORMS[scene.form](along, down)
    dark = inside & TEXTURES[scene.texture](along, down)
    pairs = zip(scene.colour, scene.ground, strict=True)
    red, green, blue = ((3 * own + 2 * ground) // 5 for own, ground in pairs)
    _lay(canvas, window, {scene.colour: inside & ~dark, (red, green, blue): dark})


def _lay_slip(canvas: Points, slip: Slip) -> None:
    """Paint a bar of clutter over what is there."""
    window, x, y = _points((slip.x, slip.y), slip.length, canvas.shape[0])
    along, down = _turned(x, y, slip.angle)
    reach, breadth = slip.length * _FINE // 2 * ONE, slip.breadth * _FINE // 2 * ONE
    _lay(canvas, window, {slip.colour: (abs(along) <= reach) & (abs(down) <= breadth)})


def _points(middle: tuple[int, int], reach: int, size: int) -> tuple[_Window, Points, Points]:
    """The pixels around a place, and the fine points in them, x (1, n) and y (m, 1), from there.

    They are in 32nds of a pixel.

    Args:
        middle: x and y in eighths of a pixel.
        reach: how far the pixels go, likewise.
        size: of the picture in pixels.
    """
    slices, found = [], []
    for at in middle:
        low, high = max((at - reach) // EIGHTH, 0), min((at + reach) // EIGHTH + 1, size)
        slices.append(slice(low, max(high, low)))
        places = np.arange(low * _FINE, max(high, low) * _FINE)
        found.append(places * EIGHTH + EIGHTH // 2 - at * _FINE)
    across, down = slices
    return (down, across), found[0][None, :], found[1][:, None]


def _turned(x: Points, y: Points, angle: int) -> tuple[Points, Points]:
    """Points as they lie to what is turned by the `angle`, times `ONE`."""
    c, s = cosine(angle), sine(angle)
    return x * c + y * s, y * c - x * s


def _lay(canvas: Points, window: _Window, tones: dict[_Colour, Mask]) -> None:
    """Mix the tones into the pixels of a window, each by the share of a pixel that it covers."""
    below = canvas[window]
    rest = np.full(below.shape[:2], _FINE**2)
    mixed = np.zeros_like(below)
    for colour, mask in tones.items():
        height, width = below.shape[:2]
        covered = mask.reshape(height, _FINE, width, _FINE).sum(axis=(1, 3))
        rest -= covered
        mixed += covered[:, :, None] * np.array(colour)
    canvas[window] = (mixed + rest[:, :, None] * below) // _FINE**2
