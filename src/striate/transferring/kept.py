"""Small things kept on disk beside the features: images found sound, heads compared.

============================  ====================================================================
``images/HASH.json``          of one source of images: the size of every sound image by the hash of
                              its content, so that it need not be decoded again
``heads/HASH.json``           how one kind of head did on the same features, labels and seed
============================  ====================================================================

A file that is missing or damaged costs the work once more; a full disk keeps nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.decode import decoders
from striate.data.images import SMALL
from striate.data.scan import Record
from striate.data.sources import Data
from striate.errors import StriateError
from striate.support.files import sha256, write_atomically

IMAGES, HEADS = "images", "heads"


def seen_in(folder: Path, data: str) -> dict[str, Record]:
    """Records of the images that `data` held when it was last looked at, by content hash."""
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError):
        images = _read(_file(folder, data))["images"]
        return {
            str(digest): Record(
                digest=str(digest),
                height=int(height),
                width=int(width),
                grey=bool(grey),
                misnamed="",
                pixels=None,
                thumbnail=None,
                colour=None,
            )
            for digest, (height, width, grey) in images.items()
        }
    return {}


def keep_seen(folder: Path, data: str, found: Data, known: Mapping[str, Record]) -> None:
    """Keep what was `found` in `data`, unless all of it is `known`. A full disk keeps nothing.

    Small images are left out: their pixels are wanted in memory.
    """
    images = {
        digest: (height, width, int(grey))
        for part in found.splits.values()
        for digest, (height, width), grey in zip(
            part.digests, part.sizes.tolist(), part.grey.tolist(), strict=True
        )
        if max(height, width) > SMALL
    }
    if images.keys() <= known.keys():
        return
    document = {"data": found.origin, "images": images}
    _write(_file(folder, data), document)


def compared(
    folder: Path,
    way: str,
    rows: NDArray[np.float32],
    labels: NDArray[np.int64],
    fit: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    """What `fit` finds of a head fitted in that `way` to these features, now or the last time."""
    told = _hash(
        f"{version('striate')} {version('scikit-learn')} {way} {rows.shape}".encode(), rows, labels
    )
    file = folder / HEADS / f"{told}.json"
    with suppress(OSError, ValueError, TypeError):
        return dict(_read(file))
    found = dict(fit())
    _write(file, found)
    return found


def _file(folder: Path, data: str) -> Path:
    """Another version may take other images for sound."""
    told = [version("striate"), *map(str, decoders()), str(Path(data).expanduser().absolute())]
    return folder / IMAGES / f"{sha256(json.dumps(told).encode())[:32]}.json"


def _hash(way: bytes, *arrays: NDArray[Any]) -> str:
    """One hash of it all, 128 bits of it."""
    return sha256(way + b"".join(np.ascontiguousarray(each).tobytes() for each in arrays))[:32]


def _read(file: Path) -> Any:
    content = json.loads(file.read_bytes())
    with suppress(OSError):  # a cache that may only be read has no last use
        os.utime(file)
    return content


def _write(file: Path, content: Mapping[str, Any]) -> None:
    with suppress(OSError, StriateError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(content).encode())


# --- for people --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Note:
    """One of these files."""

    path: Path
    bytes: int
    used: float
    """Seconds since 1970, UTC, of the last use."""


def notes(folder: Path) -> dict[str, list[Note]]:
    """The files in the cache in `folder`, by what they are about: ``images`` and ``heads``."""
    found: dict[str, list[Note]] = {}
    for kind in (IMAGES, HEADS):
        found[kind] = []
        for path in sorted((folder / kind).glob("*.json")):
            with suppress(OSError):  # removed meanwhile
                known = path.stat()
                found[kind].append(Note(path=path, bytes=known.st_size, used=known.st_mtime))
    return found


def prune_notes(folder: Path, *, days: float = 0) -> list[Note]:
    """Remove what has not been used for so many `days` (0: everything); gives what was removed.

    Raises
    ------
    StriateError: a file cannot be removed.
    """
    before = time.time() - days * 86_400
    gone = [one for kind in notes(folder).values() for one in kind if one.used <= before]
    for one in gone:
        try:
            one.path.unlink(missing_ok=True)
        except OSError as error:
            raise StriateError(
                str(one.path.absolute()),
                f"cannot be removed ({error.strerror or error})",
                "remove it by hand",
            ) from error
    return gone
