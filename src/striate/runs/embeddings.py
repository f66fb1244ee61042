"""``embeddings.safetensors``: what a run's classifier sees of some of its images.

They are computed once, for the report; who measures the run again does not compute them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import HASH, Digests
from striate.errors import RunError
from striate.runs.layout import EMBEDDINGS
from striate.support import paths
from striate.support.files import write_atomically
from striate.support.noted_arrays import DAMAGED, array_file, arrays_in

if TYPE_CHECKING:
    from striate.runs.run import Run

_MOST_BYTES = 1 << 30
_PARTS = ("held", "train")


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """What a classifier sees of images of one part of a run's data.

    Attributes:
        digests: the content hash of each image, hexadecimal.
        values: float32 (images, D), up to a factor that is the same for both parts.
    """

    digests: Sequence[str]
    values: NDArray[np.float32]


def in_half(
    values: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embeddings of two parts as they are when they have been kept: in float16, at most 1."""
    most = max(float(np.abs(part).max(initial=0)) for part in values) or 1.0
    half = [(part / most).astype(np.float16).astype(np.float32) for part in values]
    return half[0], half[1]


def keep_embeddings(run: Run, held: Embeddings, train: Embeddings) -> None:
    """Write embeddings, as `in_half` gives them, into `run`, whose folder the caller holds.

    Raises:
        WriteError: the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, part in zip(_PARTS, (held, train), strict=True):
        arrays[f"{name}.values"] = np.ascontiguousarray(part.values, np.float16)
        arrays[f"{name}.digests"] = Digests.of(part.digests).rows
    write_atomically(run.path / EMBEDDINGS, array_file(arrays, _stamp(run)))


def read_embeddings(run: Run) -> tuple[Embeddings, Embeddings] | None:
    """The embeddings of held-out and of training images that `run` keeps.

    None where there are none, or where they are damaged or not those of its weights: they are then
    computed anew.
    """
    try:
        content = paths.read_file(run.path / EMBEDDINGS, most=_MOST_BYTES, kind=RunError)
        arrays, stamp = arrays_in(content)
        if stamp != _stamp(run):
            return None
        held, train = (_part(arrays, name) for name in _PARTS)
        if held.values.shape[1] != train.values.shape[1]:
            raise ValueError("of different networks")
    except (OSError, RunError, *DAMAGED):
        return None
    return held, train


def _part(arrays: dict[str, NDArray[Any]], name: str) -> Embeddings:
    values = arrays[f"{name}.values"].astype(np.float32)
    digests = Digests(arrays[f"{name}.digests"].reshape(-1, HASH))
    if values.ndim != 2 or len(values) != len(digests) or not np.isfinite(values).all():
        raise ValueError(name)
    return Embeddings(digests=digests, values=values)


def _stamp(run: Run) -> dict[str, Any]:
    """What says which weights they are of."""
    return {"identity": run.config.identity, "epoch": run.weights_epoch}
