"""``images.safetensors``: which images a run was made with, by their content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from striate.data.manifest import Manifest
from striate.errors import RunError
from striate.runs.layout import IMAGES
from striate.support import paths
from striate.support.files import write_atomically

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.runs.run import Run

_MOST_BYTES = 4 << 30  # 200 million images


def keep_images(folder: Path, data: Data) -> None:
    """Write down in the run's `folder` which images `data` holds.

    Raises:
        RunError: it cannot be written.
    """
    write_atomically(folder / IMAGES, data.manifest.to_bytes())


def images_of(run: Run) -> Manifest | None:
    """The images that `run` was made with; None for a run from before there was a list of them.

    Raises:
        RunError: the list cannot be read, is damaged, or is that of other images.
    """
    path = run.path / IMAGES
    try:
        content = paths.read_file(path, most=_MOST_BYTES, kind=RunError)
    except FileNotFoundError:
        return None
    return Manifest.from_bytes(content, paths.shown(path), run.config.data.fingerprint)
