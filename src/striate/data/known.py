"""What is known of images from the last time: whole images need not be decoded again.

A file of the cache, ``images/HASH.json``, holds for one source of images the size of every whole
image by the hash of its content. Whoever opens images may use it::

    known = known_images(cache, data)
    found = open_data(data, known=known)
    remember_images(cache, data, found, known)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from striate.data.decoding.decode import decoders
from striate.data.images import SMALL
from striate.data.scan import Record
from striate.data.sources import Data
from striate.errors import StriateError
from striate.support.cache_files import (
    HASH,
    CachedFile,
    cached_files,
    hashed,
    read_cached,
    write_cached,
)
from striate.support.paths import expanded

#: The kind of these files.
IMAGES = "images"
_LARGEST_SIDE = 1 << 24


def known_images(cache: Path | None, data: str) -> dict[str, Record]:
    """Records of the images that `data` held the last time, by content hash.

    Args:
        cache: the cache's folder, as `striate.support.folders.cache_at` gives it.
        data: as for `striate.data.sources.open_data`.

    Returns:
        What `open_data` takes as its `known`; empty where nothing is known.
    """
    images = read_cached(cache, IMAGES, _name_of(data)).get("images")
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


def remember_images(
    cache: Path | None, data: str, found: Data, known: Mapping[str, Record]
) -> None:
    """Write down what was `found` in `data`, unless all of it is `known`.

    Small images are left out: their pixels are wanted in memory.

    Args:
        cache: the cache's folder; None where there is none.
        data: as it was given to `open_data`.
        found: what that gave.
        known: what was known before.
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
        content = {"data": found.origin, "images": images}
        write_cached(cache, IMAGES, _name_of(data), content)


def image_files(cache: Path) -> list[CachedFile]:
    """The files about images in the cache."""
    return cached_files(cache, IMAGES, before='{"data": "')


def _is_size(digest: str, known: Any) -> bool:
    """Whether these are the content hash of an image and its (height, width, grey)."""
    return (
        HASH.fullmatch(digest) is not None
        and isinstance(known, list)
        and len(known) == 3
        and all(type(number) is int for number in known)
        and min(known[:2]) > 0
        and max(known[:2]) <= _LARGEST_SIDE
        and known[2] in (0, 1)
    )


def _name_of(data: str) -> str:
    """Another version may judge other images to be whole."""
    where = data
    with suppress(StriateError):  # whoever opens the images says what is wrong with it
        where = str(expanded(data).absolute())
    key = [version("striate"), *map(str, decoders()), where]
    return hashed(json.dumps(key).encode())
