"""What was seen of the files of a source: the next command on the same images reads none of them.

Three files of the cache belong to a source, and are called by a hash of where it is and of what
decides about files (`striate.data.decoding.decode.decoders`):

``images/HASH.files``     of each file its path, size, times and inode, content hash, and what was
                          found out about it; some 80 bytes and the name
``images/HASH.sketches``  of each content its sketch, once `check` wanted one; 160 bytes
``images/HASH.pixels``    of each content its pixels, where all images are small

A file is taken to be as it was seen if its size, its times of change and its inode are. Nobody can
set the second of those times (``ctime``), so that an edit shows which keeps the size and puts the
other time back. Files that were changed so shortly before they were seen that another change might
have the same times are read again (``_GRANULE``). What no time shows, such as a fault of the disk,
is found when the image is read to be trained on, and by ``recheck``.

Sketches and pixels are found by content. A file of the cache that is missing, damaged or cannot be
written costs the work once more.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import HASH as HASH_BYTES
from striate.data.columns import Digests, Files
from striate.data.decoding.decode import decoders
from striate.data.pixels import Block
from striate.data.records import FORMS, ByContent, Records
from striate.data.scan import Problem
from striate.data.shards.index import may_be_member, stats_of_member
from striate.support.array_files import read_arrays, write_arrays
from striate.support.cache_files import CachedFile, cached_files, hashed

#: The kinds of these files, and the folder that they are in.
IMAGES, SKETCHES, PIXELS = "images", "sketches", "pixels"

_RULES = 1  # raised when the meaning of a column changes
_GRANULE = 2_000_000_000  # ns: the coarsest clock of a file system in use (FAT)
_MOST_PROBLEMS = 10_000  # so many are written down; other files at fault are read again
_AT_ONCE = 1 << 14  # numbers that wait to become an array
_ROOM = 2  # pixels are kept where the disk has room for them so many times over


@dataclass(frozen=True, eq=False)
class Stats:
    """What the file system says of files, as columns.

    Attributes:
        values: int64 (n, 4): size, time of the last write and of the last change in ns, inode.
            The size is -1 where nothing is said.
        taken: when it was asked, ns since 1970.
    """

    values: NDArray[np.int64]
    taken: int

    @classmethod
    def of(cls, files: Files) -> Stats:
        """Ask about all `files`."""
        taken = time.time_ns()
        found: list[int] = []
        parts: list[NDArray[np.int64]] = []
        for path in files.encoded():
            try:
                known = os.stat(path)  # noqa: PTH116 - bytes, for speed
            except (OSError, ValueError):
                found += (may_be_member(path) and stats_of_member(path)) or (-1, 0, 0, 0)
            else:
                inode = known.st_ino & 0x7FFF_FFFF_FFFF_FFFF
                found += (known.st_size, known.st_mtime_ns, known.st_ctime_ns, inode)
            if len(found) > _AT_ONCE:
                parts.append(np.array(found, np.int64))
                found.clear()
        values = np.concatenate([*parts, np.array(found, np.int64)])
        return cls(values.reshape(-1, 4), taken)

    @property
    def lasting(self) -> NDArray[np.int64]:
        """The values, without those of files that may have changed since at the same times."""
        # Where there is no time of the last change, its column holds that of the making.
        latest = self.values[:, 1:3].max(axis=1) if os.name == "nt" else self.values[:, 2]
        values = self.values.copy()
        values[latest >= self.taken - _GRANULE, 0] = -1
        return values


class Known:
    """What was seen of the files of one source.

    Args:
        cache: the cache's folder; None for none.
        origin: where the source is.
        recheck: forget it, and see all anew.
    """

    def __init__(self, cache: Path | None, origin: str, *, recheck: bool = False) -> None:
        self.origin = origin
        self.name = _name_of(origin)
        self.folder = None if cache is None else cache / IMAGES
        self.recheck = recheck
        self.stats: Stats | None = None
        self._as_it_was = False  # whether the files are those that were seen, and no others
        self._files: Files | None = None
        self._columns: dict[str, NDArray[Any]] = {}
        self._about: dict[str, Any] = {}
        about, columns = self._read(IMAGES, ".files")
        if _is_sound(about, columns):
            self._about, self._columns = about, columns
            names = columns["names"].tobytes()
            self._files = Files(about["folders"], columns["folder"], names, columns["ends"])

    def _path(self, suffix: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{self.name}{suffix}"

    def _read(self, kind: str, suffix: str) -> tuple[Any, Any]:
        path = self._path(suffix)
        return (None, None) if path is None or self.recheck else read_arrays(path, kind)

    # --- files -----------------------------------------------------------------------------------

    def recall(self, files: Files, names: Any, records: Records) -> None:
        """Fill in what is known of those `files` that are as they were seen."""
        if self.folder is None:
            return
        self.stats = Stats.of(files)
        if self._files is None:
            return
        places = _places(self._files, files)
        columns = self._columns
        same = places >= 0
        same[same] = (columns["stats"][places[same]] == self.stats.values[same]).all(axis=1)
        same &= self.stats.values[:, 0] >= 0
        problems = {row: (kind, reason) for row, kind, reason in self._about["problems"]}
        bad = np.isin(places, list(problems)) & same if problems else np.zeros(len(files), np.bool_)
        for index in np.flatnonzero(bad).tolist():
            kind, reason = problems[int(places[index])]
            records.problems[index] = Problem(names[index], kind, reason, lasting=True)
        sound = same & columns["sound"][places]
        own = places[sound]
        records.sound |= sound
        records.digests[sound] = columns["digests"][own]
        records.sizes[sound] = columns["sizes"][own]
        for name in ("grey", "forms", "misnamed"):
            getattr(records, name)[sound] = columns[name][own]
        self._as_it_was = len(files) == len(self._files) and bool((sound | bad).all())

    def by_content(self) -> ByContent | None:
        """The sound images that were seen, whatever their files are called now."""
        if self._files is None:
            return None
        columns = self._columns
        rows = np.flatnonzero(columns["sound"])
        return ByContent(
            Digests(columns["digests"][rows]),
            columns["sizes"][rows],
            columns["grey"][rows],
            columns["forms"][rows],
        )

    def remember(self, files: Files, records: Records) -> None:
        """Write down what was found out, unless all of it is known."""
        path = self._path(".files")
        if path is None or self.stats is None or self._is_known(records):
            return
        lasting = [(row, each) for row, each in sorted(records.problems.items()) if each.lasting]
        about = {
            "origin": self.origin,
            "folders": list(files.folders),
            "problems": [(row, each.kind, each.reason) for row, each in lasting[:_MOST_PROBLEMS]],
        }
        columns: dict[str, NDArray[Any]] = {
            "names": np.frombuffer(files.names, np.uint8),
            "ends": files.ends,
            "folder": files.folder,
            "stats": self.stats.lasting,
            "digests": records.digests,
            "sizes": records.sizes,
            "grey": records.grey,
            "forms": records.forms,
            "misnamed": records.misnamed,
            "sound": records.sound,
        }
        write_arrays(path, IMAGES, about, columns)

    def _is_known(self, records: Records) -> bool:
        return self._as_it_was and all(
            np.array_equal(self._columns[name], getattr(records, name))
            for name in ("digests", "forms", "misnamed")
        )

    # --- what was made of their contents ---------------------------------------------------------

    def recall_sketches(self, records: Records) -> None:
        """Fill in the sketches of the sound images among `records`, as far as they are known."""
        if records.sketches is None:
            return
        about, columns = self._read(SKETCHES, ".sketches")
        if about is None or not _hold(columns, _SKETCHED):
            return
        sound = np.flatnonzero(records.sound)
        places = Digests(columns["digests"]).places_of(Digests(records.digests[sound]))
        there = places >= 0
        for name in ("blocks", "contrast", "colour"):
            getattr(records.sketches, name)[sound[there]] = columns[name][places[there]]

    def remember_sketches(self, records: Records) -> None:
        """Write the sketches down."""
        path = self._path(".sketches")
        if path is None or records.sketches is None:
            return
        own = records.sketches.take(np.flatnonzero(records.sound))
        columns: dict[str, NDArray[Any]] = {
            "digests": records.digests[records.sound],
            "blocks": own.blocks,
            "contrast": own.contrast,
            "colour": own.colour,
        }
        write_arrays(path, SKETCHES, {"origin": self.origin}, columns)

    def recall_pixels(self, records: Records) -> tuple[Block | None, NDArray[np.int32]]:
        """The pixels of small images, and where in them those of each of the `records` are, or -1.

        The second is int32 (n,).
        """
        rows = np.full(len(records), -1, np.int32)
        about, columns = self._read(PIXELS, ".pixels")
        if about is None or about.get("channels") not in (1, 3) or not _hold(columns, _PIXELS):
            return None, rows
        block = Block(columns["flat"], columns["sizes"], about["channels"])
        if int(block.starts[-1]) != len(block.flat):
            return None, rows
        own = Digests(records.digests[records.sound])
        rows[records.sound] = Digests(columns["digests"]).places_of(own)
        return block, rows

    def remember_pixels(self, digests: NDArray[np.uint8], block: Block) -> None:
        """Write the pixels of small images down, by their content, where there is ample room."""
        path = self._path(".pixels")
        if path is None:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(path.parent).free < _ROOM * len(block.flat):
                return
            about = {"origin": self.origin, "channels": block.channels}
            columns: dict[str, NDArray[Any]] = {
                "digests": digests,
                "sizes": block.sizes,
                "flat": block.flat,
            }
            write_arrays(path, PIXELS, about, columns)


def image_files(cache: Path) -> list[CachedFile]:
    """The files about images in the cache; such as earlier versions wrote among them."""
    found = cached_files(cache, IMAGES, before='{"data": "')
    for kind, suffix in ((IMAGES, ".files"), (SKETCHES, ".sketches"), (PIXELS, ".pixels")):
        found += cached_files(cache, kind, place=IMAGES, suffix=suffix)
    return found


# --- what is in a file is what is needed ---------------------------------------------------------

_FILES = {
    "names": ("|u1", ()),
    "ends": ("<i8", ()),
    "folder": ("<i4", ()),
    "stats": ("<i8", (4,)),
    "digests": ("|u1", (HASH_BYTES,)),
    "sizes": ("<i4", (2,)),
    "grey": ("|b1", ()),
    "forms": ("|u1", ()),
    "misnamed": ("|b1", ()),
    "sound": ("|b1", ()),
}
_SKETCHED = {
    "digests": ("|u1", (HASH_BYTES,)),
    "blocks": ("<u2", (64,)),
    "contrast": ("<f4", ()),
    "colour": ("<f4", (3,)),
}
_PIXELS = {"digests": ("|u1", (HASH_BYTES,)), "sizes": ("<u2", (2,)), "flat": ("|u1", ())}


def _hold(columns: dict[str, NDArray[Any]], wanted: dict[str, tuple[str, tuple[int, ...]]]) -> bool:
    """Whether these are the `wanted` columns, all but the bytes of one length."""
    return (
        columns.keys() == wanted.keys()
        and all(
            (columns[name].dtype.str, columns[name].shape[1:]) == form
            for name, form in wanted.items()
        )
        and len({len(columns[name]) for name in wanted if name not in ("names", "flat")}) == 1
    )


def _is_sound(about: Any, columns: Any) -> bool:
    """Whether a file about files holds what it should."""
    if about is None or not _hold(columns, _FILES):
        return False
    folders, problems = about.get("folders"), about.get("problems")
    count = len(columns["ends"])
    return (
        count > 0  # of no files nothing is known
        and isinstance(folders, list)
        and all(isinstance(each, str) for each in folders)
        and isinstance(problems, list)
        and all(_is_problem(each, count) for each in problems)
        and int(np.diff(columns["ends"], prepend=0).min(initial=1)) > 0
        and int(columns["ends"].max(initial=0)) == len(columns["names"])
        and int(columns["folder"].min(initial=0)) >= 0
        and int(columns["folder"].max(initial=-1)) < len(folders)
        and int(columns["forms"].max(initial=0)) < len(FORMS)
        and int(columns["sizes"][columns["sound"]].min(initial=1)) > 0
    )


def _is_problem(found: Any, count: int) -> bool:
    return (
        isinstance(found, list)
        and len(found) == 3
        and type(found[0]) is int
        and 0 <= found[0] < count
        and isinstance(found[1], str)
        and isinstance(found[2], str)
    )


def _places(old: Files, new: Files) -> NDArray[np.int64]:
    """Where each of the `new` files stands among the `old` ones, or -1: int64 (n,)."""
    if old.is_same_listing(new):
        return np.arange(len(new))
    places = np.full(len(new), -1, np.int64)
    before: dict[str, list[tuple[list[bytes], NDArray[np.int64]]]] = {}
    for folder, own, names in old.by_folder():  # which comes several times: see `listing`
        before.setdefault(folder, []).append((names, own))
    for folder, own, names in new.by_folder():
        known: dict[bytes, int] = {}
        for listed, rows in before.get(folder, ()):
            known.update(zip(listed, rows.tolist(), strict=True))
        places[own] = [known.get(name, -1) for name in names]
    return places


def _name_of(origin: str) -> str:
    """Another version may find other things out about a file."""
    key = [version("striate"), *map(str, decoders()), _RULES, origin]
    return hashed(json.dumps(key).encode())
