"""Draw docs/images/views.jpg: where ten crops and GoogLeNet's 144 views of a photograph lie.

Run ``python tools/views.py`` after a change of the views. The photograph is one that comes with
scikit-learn.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from PIL import Image

from striate.data.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from striate.inference.views.drawing import drawn
from striate.inference.views.views import Views

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "views.jpg"
FIT = Preprocessing(resize=256, height=224, width=224, mean=IMAGENET_MEAN, std=IMAGENET_STD)
WIDTH = 380


def main() -> None:
    """Draw it: the crops of two networks' papers above, the four scales of the 144 below."""
    with as_file(files("sklearn.datasets.images") / "flower.jpg") as path:
        image = np.asarray(Image.open(path).convert("RGB"))
    above = [drawn(image, Views(crops), FIT, WIDTH) for crops in ("center", "10", "dense")]
    below = drawn(image, Views("144"), FIT, round(WIDTH * 3 / 4) - 1)
    gap = 4
    top = Image.new("RGB", (below.width, above[0].height), "white")
    for number, picture in enumerate(above):
        top.paste(picture, (number * (WIDTH + gap), 0))
    whole = Image.new("RGB", (below.width, top.height + gap + below.height), "white")
    whole.paste(top, (0, 0))
    whole.paste(below, (0, top.height + gap))
    whole.save(PICTURE, quality=88)


if __name__ == "__main__":
    main()
