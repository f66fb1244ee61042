"""Small things kept on disk beside the features: images found sound, heads compared.

============================  ====================================================================
``images/HASH.json``          of one source of images: the size of every sound image by the hash of
                              its content, so that it need not be decoded again
``heads/HASH.json``           how one kind of head did on the same features, labels and seed
============================  ====================================================================

Each is a JSON object: ``striate`` says which of them it is, ``sha256`` is that of its ``content``.
A file that is missing, damaged or of another kind costs the work once more; a full disk, or no
cache at all, keeps nothing.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.decoding.decode import decoders
from striate.data.images import SMALL
from striate.data.scan import Record
from striate.data.sources import Data
from striate.errors import StriateError
from striate.support.files import sha256, sweep, write_atomically
from striate.support.paths import expanded, read_file, reason
from striate.support.text import printable
from striate.transfer_learning.cache.store import MARK

IMAGES, HEADS = "images", "heads"

_NAME = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"[0-9a-f]{32}\.json")
#: How these files began before they had a mark.
_BEFORE = {IMAGES: '{"data": "', HEADS: '{"kind": "'}
_LARGEST_SIDE = 1 << 24
_LARGEST_FILE = 1 << 30


def seen_in(folder: Path | None, data: str) -> dict[str, Record]:
    """Records of the images that `data` held when it was last looked at, by content hash."""
    images = _read(folder, IMAGES, _name_of(data)).get("images")
    if not isinstance(images, dict) or not all(map(_is_size, images, images.values())):
        return {}
    return {
        digest: Record(
            digest=digest,
            height=height,
            width=width,
            grey=bool(grey),
            misnamed="",
            pixels=None,
            thumbnail=None,
            colour=None,
        )
        for digest, (height, width, grey) in images.items()
    }


def _is_size(digest: str, known: Any) -> bool:
    """Whether these are the content hash of an image and its (height, width, grey)."""
    return (
        _NAME.fullmatch(digest) is not None
        and isinstance(known, list)
        and len(known) == 3
        and all(type(number) is int for number in known)
        and min(known[:2]) > 0
        and max(known[:2]) <= _LARGEST_SIDE
        and known[2] in (0, 1)
    )


def keep_seen(folder: Path | None, data: str, found: Data, known: Mapping[str, Record]) -> None:
    """Keep what was `found` in `data`, unless all of it is `known`.

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
    if not images.keys() <= known.keys():
        _write(folder, IMAGES, _name_of(data), {"data": found.origin, "images": images})


def compared(
    folder: Path | None,
    way: str,
    rows: NDArray[np.float32],
    labels: NDArray[np.int64],
    fit: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    """What `fit` finds of a head fitted in that `way` to these features, now or the last time."""
    told = f"{version('striate')} {version('scikit-learn')} {way} {rows.shape}".encode()
    arrays = (np.ascontiguousarray(each).tobytes() for each in (rows, labels))
    name = sha256(told + b"".join(arrays))[:32]
    known = _read(folder, HEADS, name)
    if known:
        return known
    found = dict(fit())
    _write(folder, HEADS, name, found)
    return found


def _name_of(data: str) -> str:
    """Another version may take other images for sound."""
    where = data
    with suppress(StriateError):  # whoever opens the images says what is wrong with it
        where = str(expanded(data).absolute())
    told = [version("striate"), *map(str, decoders()), where]
    return sha256(json.dumps(told).encode())[:32]


def _read(folder: Path | None, kind: str, name: str) -> dict[str, Any]:
    """What was kept under that name; nothing unless it is of that kind and as it was written."""
    if folder is None:
        return {}
    file = folder / kind / f"{name}.json"
    try:
        document = json.loads(read_file(file, most=_LARGEST_FILE))
        content = document["content"]
        sound = document[MARK] == kind and document["sha256"] == _sum_of(content)
    except (OSError, ValueError, TypeError, LookupError, RecursionError, StriateError):
        return {}
    if not sound or not isinstance(content, dict):
        return {}
    with suppress(OSError):  # a cache that may only be read has no last use
        os.utime(file)
    return content


def _write(folder: Path | None, kind: str, name: str, content: Mapping[str, Any]) -> None:
    if folder is None:
        return
    document = {MARK: kind, "sha256": _sum_of(content), "content": content}
    with suppress(OSError, StriateError):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_atomically(folder / kind / f"{name}.json", json.dumps(document).encode())


def _sum_of(content: Any) -> str:
    return sha256(json.dumps(content).encode())


# --- for people --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Note:
    """One of these files."""

    path: Path
    bytes: int
    used: float
    """Seconds since 1970, UTC, of the last use."""


def notes(folder: Path) -> dict[str, list[Note]]:
    """The files in the cache in `folder`, by what they are about: ``images`` and ``heads``.

    Only what is ours without a doubt: called by a hash, and beginning as what we write.
    """
    found: dict[str, list[Note]] = {IMAGES: [], HEADS: []}
    for kind, own in found.items():
        with suppress(OSError):
            for path in sorted((folder / kind).iterdir()):
                if _FILE.fullmatch(path.name) and _is_ours(path, kind):
                    known = path.stat()
                    own.append(Note(path=path, bytes=known.st_size, used=known.st_mtime))
    return found


def _is_ours(path: Path, kind: str) -> bool:
    """Whether the file begins as we begin it, now or before there was a mark."""
    begins = [json.dumps({MARK: kind})[:-1], _BEFORE[kind]]
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as handle:
            head = handle.read(max(map(len, begins)))
    except OSError:  # removed meanwhile, or not for us to read
        return False
    return any(head.startswith(begin.encode()) for begin in begins)


def prune_notes(folder: Path, *, days: float = 0) -> list[Note]:
    """Remove what has not been used for so many `days` (0: everything); gives what was removed.

    Raises:
        StriateError: a file cannot be removed.
    """
    before = time.time() - days * 86_400
    gone = [one for kind in notes(folder).values() for one in kind if one.used <= before]
    for one in gone:
        sweep(one.path)
        try:
            one.path.unlink(missing_ok=True)
        except OSError as error:
            raise StriateError(
                printable(str(one.path.absolute())),
                f"cannot be removed ({reason(error)})",
                "remove it by hand",
            ) from error
    return gone
