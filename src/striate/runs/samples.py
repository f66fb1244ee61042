"""``samples.safetensors``: a few real images, on which an export is proved wherever the run is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import with_channels
from striate.errors import RunError
from striate.runs.layout import SAMPLES
from striate.support.files import write_atomically
from striate.support.paths import read_file, shown
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.runs.run import Run

#: The longest side of a picture that is kept.
LARGEST_SAMPLE = 512
_NAMES = "names"
#: More than twice what is ever written; a file that is larger is not ours.
_LARGEST_FILE = 64 << 20


def keep_samples(folder: Path, pictures: Iterable[Image.Image], names: Sequence[str] = ()) -> None:
    """Write `pictures` into the run's `folder`, made smaller where they are large.

    Args:
        folder: of the run.
        pictures: to be kept.
        names: what they are called, if anything.

    Raises:
        WriteError: the file cannot be written.
    """
    from safetensors.numpy import save

    kept: dict[str, NDArray[np.uint8]] = {}
    for picture in pictures:
        small = picture.copy()
        small.thumbnail((LARGEST_SAMPLE, LARGEST_SAMPLE))
        kept[f"{len(kept):02}"] = np.asarray(small)
    write_atomically(folder / SAMPLES, save(kept, metadata={_NAMES: json.dumps(list(names))}))


def read_samples(run: Run) -> list[NDArray[np.uint8]]:
    """Real images, uint8 (H, W, channels), with the channels that the network of `run` takes.

    Raises:
        RunError: the run has none, since its training never came to its end, or they are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = run.path / SAMPLES
    where, remedy = shown(path), f"make it anew: striate evaluate {shown(run.path)}"
    try:
        kept = load(read_file(path, most=_LARGEST_FILE, kind=RunError))
    except FileNotFoundError as error:
        raise RunError(where, "is missing", remedy) from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(where, f"is damaged ({error})", remedy) from error
    if not kept or not all(_is_picture(each) for each in kept.values()):
        raise RunError(where, "is damaged (it holds something else than pictures)", remedy)
    return [with_channels(kept[name], run.preprocessing.channels) for name in sorted(kept)]


def sample_names(run: Run) -> list[str]:
    """What the pictures of `read_samples` are called, or their numbers where they have no names."""
    from safetensors import SafetensorError, safe_open

    names: object = None
    with suppress(OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError):
        with safe_open(run.path / SAMPLES, framework="numpy") as file:
            count, names = len(file.keys()), json.loads(file.metadata()[_NAMES])
        if isinstance(names, list) and len(names) == count:
            return [printable(str(name)) for name in names]
    return [f"picture {number} of {SAMPLES}" for number in range(1, len(read_samples(run)) + 1)]


def _is_picture(array: NDArray[np.generic]) -> bool:
    sides = array.shape[:2]
    shaped = array.ndim == 3 and array.shape[2] in (1, 3)
    return array.dtype == np.uint8 and shaped and min(sides) > 0 and max(sides) <= LARGEST_SAMPLE
