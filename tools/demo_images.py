"""Write the demo's pictures: ``python tools/demo_images.py DIGITS PHOTOGRAPHS``.

The first folder gets a digit of each class. They come from the validation part of ``striate train
digits`` with its default seed, so the demo's network has never trained on them. The second gets the
two photographs that come with scikit-learn.
"""

from __future__ import annotations

import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from PIL import Image

from striate.data.sources import open_data
from striate.runs.create import PHOTOGRAPHS


def write_digits(folder: Path) -> None:
    """Write ``digit-0.png`` … ``digit-9.png`` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = open_data("digits")
    for label, name in enumerate(data.classes):
        members = np.flatnonzero(data.val.labels == label)
        pixels = data.val.read(int(members[len(members) // 2]), 1)
        Image.fromarray(pixels[:, :, 0]).save(folder / f"digit-{name}.png")


def write_photographs(folder: Path) -> None:
    """Copy ``china.jpg`` and ``flower.jpg`` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PHOTOGRAPHS:
        with as_file(files("sklearn.datasets.images") / name) as photograph:
            shutil.copyfile(photograph, folder / name)


if __name__ == "__main__":
    write_digits(Path(sys.argv[1]))
    write_photographs(Path(sys.argv[2]))
