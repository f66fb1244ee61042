"""What is known of the files of a source, in columns: of a million of them, some 30 MB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import HASH, Digests
from striate.data.decoding.formats import PLUGGED, SUFFIXES
from striate.data.images import SMALL
from striate.data.pixels import Gathered
from striate.data.scan import Problem, Record
from striate.data.sketches import Sketches

FORMS = ("", *sorted(set(SUFFIXES.values())), *sorted(set(PLUGGED.values())))
"""Formats by their numbers in `Records.forms`."""


class Records:
    """What is known of n files.

    Attributes:
        digests: uint8 (n, 16), content hashes.
        sizes: int32 (n, 2), height and width.
        grey: bool (n,), whether the image has no colour.
        forms: uint8 (n,), its format, as a place in `FORMS`.
        misnamed: bool (n,), whether the file's name contradicts its format.
        sound: bool (n,), whether the file is an image of which all of this is known.
        problems: what is wrong with files that are not, by their number.
        sketches: of the images, where they are wanted.
        gathered: pixels of small images that were decoded, as long as no image is large.
        rows: int32 (n,), where those of each image are in `gathered`, or -1.
    """

    def __init__(self, count: int, *, sketches: bool = False, pixels: bool = True) -> None:
        self.digests = np.zeros((count, HASH), np.uint8)
        self.sizes = np.zeros((count, 2), np.int32)
        self.grey = np.zeros(count, np.bool_)
        self.forms = np.zeros(count, np.uint8)
        self.misnamed = np.zeros(count, np.bool_)
        self.sound = np.zeros(count, np.bool_)
        self.problems: dict[int, Problem] = {}
        self.sketches = Sketches.empty(count) if sketches else None
        self.gathered: Gathered | None = Gathered() if pixels else None
        self.rows = np.full(count, -1, np.int32)

    def __len__(self) -> int:
        return len(self.sound)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which files are sound or have a problem."""
        seen = self.sound.copy()
        seen[list(self.problems)] = True
        return seen

    def digest(self, index: int) -> str:
        """The content hash of a file, hexadecimal."""
        return str(self.digests[index].tobytes().hex())

    def put(self, index: int, found: Record | Problem) -> None:
        """Write down what was found out about a file."""
        self.problems.pop(index, None)
        self.sound[index] = isinstance(found, Record)
        if isinstance(found, Problem):
            self.problems[index] = found
            return
        self.digests[index] = np.frombuffer(bytes.fromhex(found.digest), np.uint8)
        self.sizes[index] = found.height, found.width
        self.grey[index] = found.grey
        self.forms[index] = FORMS.index(found.form)
        self.misnamed[index] = bool(found.misnamed)
        if found.sketch is not None and self.sketches is not None:
            self.sketches.put(index, found.sketch)
        self._hold(index, found)

    def _hold(self, index: int, found: Record) -> None:
        if self.gathered is None:
            return
        if max(found.height, found.width) > SMALL:
            self.gathered = None
            self.rows[:] = -1
        elif found.pixels is not None:
            self.rows[index] = len(self.gathered)
            self.gathered.add(found.pixels, found.grey)

    @property
    def small(self) -> bool:
        """Whether no image is large, as far as is known."""
        return int(self.sizes[self.sound].max(initial=0)) <= SMALL


class ByContent:
    """Records of sound images, by the content of their files.

    Args:
        digests: content hashes.
        sizes: int (n, 2), height and width.
        grey: bool (n,), whether the image has no colour.
        forms: places in `FORMS`; None where formats are not known.
    """

    def __init__(
        self,
        digests: Digests,
        sizes: NDArray[np.int32],
        grey: NDArray[np.bool_],
        forms: NDArray[np.uint8] | None = None,
    ) -> None:
        self.digests, self.sizes, self.grey, self.forms = digests, sizes, grey, forms
        self._order: NDArray[np.int64] | None = None

    def __call__(self, digest: str) -> Record | None:
        """The record of the image with that content hash, if there is one."""
        place = self._place(digest)
        if place is None:
            return None
        height, width = self.sizes[place].tolist()
        form = "" if self.forms is None else FORMS[self.forms[place]]
        return Record(digest, height, width, bool(self.grey[place]), form)

    def _place(self, digest: str) -> int | None:
        if self._order is None:
            order = self.digests.order()
            firsts = self.digests.rows[order, :8].copy().view(">u8").reshape(-1)
            self._firsts = firsts.astype(np.uint64)  # of another type, each search converts all
            self._order = order
        wanted = bytes.fromhex(digest)
        start = int(np.searchsorted(self._firsts, np.uint64(int.from_bytes(wanted[:8]))))
        for place in self._order[start:]:
            found = self.digests.rows[place].tobytes()
            if found[:8] != wanted[:8]:
                return None
            if found == wanted:
                return int(place)
        return None
