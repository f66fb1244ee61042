"""Where the views of a photograph lie, drawn over it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from striate.data.preprocessing import Preprocessing
from striate.inference.views.views import Pixels, View, Views

COLOURS = ("#2f7ed8", "#2e9e6b", "#c8741a", "#9b59c6", "#cf4a63", "#f2c744")
"""One for each view of a square or of the image, in the order of the views."""
_DIMMED = 0.55
_LINE = 2


def drawn(image: Pixels, views: Views, preprocessing: Preprocessing, width: int) -> Image.Image:
    """A picture of a photograph for each scale, side by side, with a frame for every view.

    Views and their horizontal flips lie in one place, and share a frame. What no view sees is
    darker. Frames of different views are moved apart by a line's width, so that none covers
    another.

    Args:
        image: uint8 (H, W, 1 or 3).
        views: of it.
        preprocessing: of the network.
        width: of each picture, in pixels.
    """
    places = [
        view
        for view in views.places(image.shape[0], image.shape[1], preprocessing)
        if not view.flipped
    ]
    by_scale: dict[tuple[int, int], list[View]] = {}
    for view in places:
        by_scale.setdefault(view.resized, []).append(view)
    height = round(width * image.shape[0] / image.shape[1])
    photograph = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).convert("RGB")
    photograph = photograph.resize((width, height), Image.Resampling.LANCZOS)
    gap = 2 * _LINE
    whole = Image.new("RGB", (len(by_scale) * (width + gap) - gap, height), "white")
    for number, (resized, own) in enumerate(by_scale.items()):
        whole.paste(_framed(photograph, resized, own), (number * (width + gap), 0))
    return whole


def _framed(photograph: Image.Image, resized: tuple[int, int], views: list[View]) -> Image.Image:
    """The photograph with the frames of the views at one scale."""
    down, across = photograph.height / resized[0], photograph.width / resized[1]
    seen = np.zeros((photograph.height, photograph.width, 1), np.bool_)
    boxes = []
    for view in views:
        left, right = view.left * across, (view.left + view.width) * across
        top, bottom = view.top * down, (view.top + view.height) * down
        seen[round(top) : round(bottom), round(left) : round(right)] = True
        boxes.append((left, top, right - 1, bottom - 1))
    pixels = np.asarray(photograph)
    dimmed = np.where(seen, pixels, (pixels * _DIMMED).astype(np.uint8))
    picture = Image.fromarray(dimmed)
    pen = ImageDraw.Draw(picture)
    for number, (left, top, right, bottom) in enumerate(boxes):
        inset = number % len(COLOURS) * (_LINE + 1)
        frame = (left + inset, top + inset, right - inset, bottom - inset)
        pen.rectangle(frame, outline=COLOURS[number % len(COLOURS)], width=_LINE)
    return picture
