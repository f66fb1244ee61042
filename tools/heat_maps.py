"""Draw heat maps of photographs beneath them: the picture of ``docs/explaining.md``.

Run ``python tools/heat_maps.py OUT PHOTOGRAPH … --run RUN[=METHOD] …``: a row of photographs as the
first run's network sees them, and a row for each run and method.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import striate
from striate.inference.heat_maps import drawn_fitted

SIDE, GAP = 120, 4


def cells(run: str, method: str, photographs: list[Path]) -> tuple[list[Image.Image], ...]:
    """What the network sees of each photograph, and the same with its heat map; says what it is."""
    seen, maps = [], []
    for photograph in photographs:
        found = striate.explain_prediction(run, photograph, method=method)
        print(found)
        pixels = found.preprocessing.fit_image(found.image)
        seen.append(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        maps.append(drawn_fitted(pixels, found.map, SIDE, found.laid))
    return seen, maps


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """Rows of pictures, all of one size, on white."""
    height, width = len(rows) * (SIDE + GAP) - GAP, len(rows[0]) * (SIDE + GAP) - GAP
    made = Image.fromarray(np.full((height, width, 3), 255, np.uint8))
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            made.paste(cell, (column * (SIDE + GAP), at * (SIDE + GAP)))
    return made


def main() -> None:
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--run", action="append", required=True)
    given = parser.parse_args()
    rows: list[list[Image.Image]] = []
    for named in given.run:
        run, _, method = named.partition("=")
        seen, maps = cells(run, method or "auto", given.photographs)
        rows += [maps] if rows else [seen, maps]
    sheet(rows).save(given.out, quality=82, optimize=True)


if __name__ == "__main__":
    main()
