"""What the cache holds and what was removed from it: features, working copies, small files."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data.archives.entries import archive_files, prune_unpacked, unpacked_in
from striate.data.known import IMAGES, image_files
from striate.data.statistics import STATISTICS, statistics_files
from striate.data.working_copies.entries import CopiesInfo, copies_in, prune_copies
from striate.errors import StriateError, parameter
from striate.support.cache_files import CachedFile, prune_files
from striate.support.folders import cache_folder
from striate.support.paths import expanded, mode_of, shown
from striate.support.shown import Readable
from striate.support.text import printable
from striate.transfer_learning.cache.comparisons import HEADS, head_files
from striate.transfer_learning.cache.entries import EntryInfo, Pruned, entries, prune


@dataclass(frozen=True, kw_only=True)
class CacheReport(Readable):
    """What the cache in `folder` holds, after something was removed where that was wanted."""

    folder: Path
    entries: tuple[EntryInfo, ...]
    """Features: an entry for each way of computing them, last used first."""
    files: dict[str, tuple[CachedFile, ...]]
    """Files about known ``images``, ``heads`` compared and ``statistics`` of colours."""
    copies: tuple[CopiesInfo, ...] = ()
    """What was made of large images, an entry for each way of making it, and what of archives."""
    pruned: bool
    """Whether anything was to be removed."""
    removed: tuple[EntryInfo, ...] = ()
    removed_files: tuple[CachedFile, ...] = ()
    removed_copies: tuple[CopiesInfo, ...] = ()
    busy: tuple[EntryInfo | CopiesInfo, ...] = ()
    """Old, but left, because a process is using them."""

    @property
    def bytes(self) -> int:
        """Of all that is held."""
        small = sum(one.bytes for found in self.files.values() for one in found)
        copies = sum(one.bytes for one in self.copies)
        return small + copies + sum(one.bytes for one in self.entries)

    @property
    def freed(self) -> int:
        """Bytes of all that was removed."""
        features = sum(one.bytes for one in self.removed)
        copies = sum(one.bytes for one in self.removed_copies)
        return features + copies + sum(one.bytes for one in self.removed_files)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        small = {
            kind: {"files": len(found), "bytes": sum(one.bytes for one in found)}
            for kind, found in self.files.items()
        }
        return {
            "folder": str(self.folder),
            "bytes": self.bytes,
            **small,
            "entries": [one.to_json() for one in self.entries],
            "copies": [one.to_json() for one in self.copies],
            "removed": [one.to_json() for one in self.removed],
            "removed_copies": [one.to_json() for one in self.removed_copies],
            "removed_files": len(self.removed_files),
            "busy": [one.to_json() for one in self.busy],
            "freed": self.freed,
        }

    def heading(self) -> list[str]:
        """Lines for people about all of it together."""
        lines = []
        if self.pruned:
            sets = _plural(len(self.removed), "set of features", "sets of features")
            copies = _plural(len(self.removed_copies), "set of images", "sets of images")
            files = _plural(len(self.removed_files), "small file", "small files")
            lines.append(f"removed {sets}, {copies} and {files}, {self.freed / 1e6:,.1f} MB")
        if self.busy:
            sets = _plural(len(self.busy), "set", "sets")
            lines.append(f"left {sets} that a process is using")
        lines.append(f"{printable(str(self.folder))}: {self.bytes / 1e6:,.1f} MB")
        images = len({one.path.stem for one in self.files[IMAGES]})
        heads = len(self.files[HEADS])
        if images or heads:
            sources = _plural(images, "source", "sources")
            compared = _plural(heads, "head", "heads")
            lines.append(f"{sources} of known images, {compared} compared")
        return lines

    def summary(self) -> str:
        """The heading, and a line for each set of features and of images."""
        lines = self.heading()
        for one in self.entries:
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used))
            lines.append(
                f"{one.backbone}, {one.engine}, {one.view}: {one.images:,} images of "
                f"{one.features:,} features, {one.bytes / 1e6:,.1f} MB, used {used}"
            )
        for made in self.copies:
            used = time.strftime("%Y-%m-%d %H:%M", time.localtime(made.used))
            size = f"{made.bytes / 1e6:,.1f} MB"
            lines.append(f"{made.made}: {made.images:,} images, {size}, used {used}")
        return "\n".join(lines)


def report(folder: str | Path | None, *, days: float | None) -> CacheReport:
    """Look at the cache in `folder`; first remove what was not used for so many `days`, if any.

    Raises:
        StriateError: `folder` is no folder, or something cannot be removed.
    """
    root = cache_folder() if folder is None else expanded(folder)
    mode = mode_of(root)
    if mode is not None and not stat.S_ISDIR(mode):
        raise StriateError(shown(root), "is a file, not the folder of a cache", "name its folder")
    root = root.absolute()
    if days is not None and not days >= 0:
        raise StriateError(parameter("older_than", days), "must be at least 0")
    pruned, small = Pruned(removed=(), busy=()), list[CachedFile]()
    removed_copies, busy = tuple[CopiesInfo, ...](), tuple[CopiesInfo, ...]()
    if days is not None:
        pruned = prune(root, days=days)
        old = [*image_files(root), *head_files(root), *statistics_files(root)]
        old += archive_files(root)
        small = prune_files(old, days=days)
        made, unpacked = prune_copies(root, days=days), prune_unpacked(root, days=days)
        removed_copies, busy = (*made[0], *unpacked[0]), (*made[1], *unpacked[1])
    return CacheReport(
        folder=root,
        entries=tuple(entries(root)),
        files={
            IMAGES: tuple(image_files(root)),
            HEADS: tuple(head_files(root)),
            STATISTICS: tuple(statistics_files(root)),
        },
        copies=(*copies_in(root), *unpacked_in(root)),
        pruned=days is not None,
        removed=pruned.removed,
        removed_files=tuple(small),
        removed_copies=removed_copies,
        busy=(*pruned.busy, *busy),
    )


def _plural(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
