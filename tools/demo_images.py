"""Write one held-out digit of each class as a PNG: ``python tools/demo_images.py FOLDER``.

They come from the validation part of ``striate train digits`` with its default seed, so the demo's
network has never trained on them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from striate.data.sources import open_data


def main(folder: Path) -> None:
    """Write ``digit-0.png`` … ``digit-9.png`` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = open_data("digits")
    for label, name in enumerate(data.classes):
        members = np.flatnonzero(data.val.labels == label)
        pixels = data.val.read(int(members[len(members) // 2]), 1)
        Image.fromarray(pixels[:, :, 0]).save(folder / f"digit-{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
