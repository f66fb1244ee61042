"""Pictures that the page offers to try: of a folder, or those that a run keeps."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding.decode import decode
from striate.data.finding.inputs import items
from striate.errors import DataError, RunError
from striate.runs.run import Run
from striate.runs.samples import read_samples, sample_names

MOST = 8
"""So many are offered."""

_SIDE = 768  # pixels that the longer side of one has at most


@dataclass(frozen=True)
class Example:
    """One picture: what it is called, and its file, a PNG."""

    name: str
    content: bytes


def of_folder(folder: str | Path) -> list[Example]:
    """The first pictures of a folder, made smaller where they are large.

    Raises:
        DataError: there is no such folder, or none of its pictures can be read.
    """
    found: list[Example] = []
    error: DataError | None = None
    for item in items(folder):
        try:
            if isinstance(item.content, DataError):
                raise item.content
            assert isinstance(item.content, Path)
            image = decode(item.content, None)
        except DataError as bad:
            error = error or bad
            continue
        found.append(Example(item.content.name, as_png(image)))
        if len(found) == MOST:
            break
    if not found and error is not None:
        raise error
    return found


def of_run(folder: Path | None) -> list[Example]:
    """Pictures of the run in `folder`, spread over those that it keeps; none where it has none."""
    if folder is None:
        return []
    with suppress(RunError):
        run = Run.open(folder, allow_code=True)  # nothing of it is run before its network is made
        names, images = sample_names(run), read_samples(run)
        chosen = [len(images) * k // MOST for k in range(MOST)] if len(images) > MOST else None
        return [
            Example(names[k].rpartition("/")[2], as_png(images[k]))
            for k in (range(len(images)) if chosen is None else chosen)
        ]
    return []


def as_png(image: NDArray[np.uint8]) -> bytes:
    """uint8 (H, W, 1 or 3) as the content of a PNG, made smaller where it is large."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
