"""Cross-validation of heads, cached: ``heads/HASH.json`` in the cache, a file a kind of head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.support.cache_files import (
    CachedFile,
    cached_files,
    hashed,
    read_cached,
    write_cached,
)

#: The kind of these files.
HEADS = "heads"


def compared(
    cache: Path | None,
    how: str,
    rows: NDArray[np.float32],
    labels: NDArray[Any],
    fit: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    """The description of a head, fitted now or the last time.

    Args:
        cache: the cache's folder; None where there is none.
        how: all that decides the head beside features and labels.
        rows: the features, of any shape.
        labels: (images,), or values (images, targets).
        fit: fits the head and describes it.
    """
    key = f"{version('striate')} {version('scikit-learn')} {how} {rows.shape}".encode()
    arrays = (np.ascontiguousarray(each).tobytes() for each in (rows, labels))
    name = hashed(key + b"".join(arrays))
    known = read_cached(cache, HEADS, name)
    if known:
        return known
    found = dict(fit())
    write_cached(cache, HEADS, name, found)
    return found


def head_files(cache: Path) -> list[CachedFile]:
    """The files about heads in the cache."""
    return cached_files(cache, HEADS, before='{"kind": "')
