"""What is known of each image, in columns: a million images cost megabytes, not objects.

A column is a sequence like the list that it stands for, and makes an item when it is asked for one.
`Column.take` gives the items at some positions, in that order, without copying what they are made
of.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from striate.support.text import printable

HASH = 16
"""Bytes of a content hash; see `striate.data.decoding.decode.digest_of`."""

_AT_ONCE = 4096  # items made together when a column is gone through

Item = TypeVar("Item")


class Column(Sequence[Item], Generic[Item]):
    """A sequence of items that are made when they are asked for."""

    @abstractmethod
    def take(self, indices: NDArray[np.int64]) -> Self:
        """The items at `indices`, in that order."""

    @abstractmethod
    def item(self, index: int) -> Item:
        """The item at `index`, which lies in 0 … len - 1."""

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Item | Self:
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        return self.item(place)

    def __iter__(self) -> Iterator[Item]:
        return map(self.item, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a sequence of the same items."""
        if not isinstance(other, Sequence) or isinstance(other, (str, bytes)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # equal to lists, which have none


class Digests(Column[str]):
    """Content hashes, hexadecimal, as 16 bytes each.

    >>> Digests.of(["00" * 16, "ff" * 16])[-1][:4]
    'ffff'

    Args:
        rows: uint8 (n, 16).
    """

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        self.rows = np.ascontiguousarray(rows)

    @classmethod
    def of(cls, digests: Sequence[str]) -> Digests:
        """The same hashes as a column.

        Raises:
            ValueError: one of them is no hash.
        """
        if isinstance(digests, Digests):
            return digests
        if any(len(digest) != 2 * HASH for digest in digests):
            raise ValueError("content hashes of another length")
        joined = bytes.fromhex("".join(digests))
        return cls(np.frombuffer(joined, np.uint8).reshape(-1, HASH))

    @classmethod
    def joined(cls, parts: Sequence[Sequence[str]]) -> Digests:
        """The hashes of all `parts`, one after the other."""
        rows = [cls.of(part).rows for part in parts]
        return cls(np.concatenate([np.zeros((0, HASH), np.uint8), *rows]))

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int) -> str:
        """The hash at `index`."""
        return str(self.rows[index].tobytes().hex())

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _AT_ONCE):
            text = self.rows[start : start + _AT_ONCE].tobytes().hex()
            yield from (text[at : at + 2 * HASH] for at in range(0, len(text), 2 * HASH))

    def take(self, indices: NDArray[np.int64]) -> Digests:
        """The hashes at `indices`."""
        return Digests(self.rows[indices])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Digests):
            return np.array_equal(self.rows, other.rows)
        return super().__eq__(other)

    __hash__ = None

    def order(self, *before: NDArray[Any]) -> NDArray[np.int64]:
        """The stable order that sorts by the columns `before`, the last first, then by hash."""
        high, low = self.rows.view(">u8").T
        return np.lexsort((low, high, *before))

    def places_of(self, others: Digests) -> NDArray[np.int64]:
        """Where each of the `others` comes last here, or -1: int64 (len(others),)."""
        if len(self) == len(others) and self == others and not self.repeats:
            return np.arange(len(self))
        together = Digests(np.concatenate([self.rows, others.rows]))
        order = together.order()
        own = order < len(self)
        # In order, the last of ours at or before each place; it counts where its hash is equal.
        latest = np.maximum.accumulate(np.where(own, np.arange(len(order)), -1))
        place = np.where(latest >= 0, order[latest], -1)
        asked = ~own & (place >= 0)
        same = np.zeros(len(order), np.bool_)
        same[asked] = (together.rows[order[asked]] == together.rows[place[asked]]).all(axis=1)
        found = np.full(len(others), -1, np.int64)
        found[order[same] - len(self)] = place[same]
        return found

    @property
    def repeats(self) -> bool:
        """Whether a hash comes more than once."""
        ordered = self.rows[self.order()]
        return bool((ordered[1:] == ordered[:-1]).all(axis=1).any())


class Numbered(Column[str]):
    """Names such as ``train[17]``, of images that never were files.

    >>> list(Numbered("train", np.array([3, 17])))
    ['train[3]', 'train[17]']

    Args:
        stem: what stands before the bracket.
        numbers: int (n,), what stands within.
    """

    def __init__(self, stem: str, numbers: NDArray[np.integer]) -> None:
        self.stem, self.numbers = stem, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def item(self, index: int) -> str:
        """The name at `index`."""
        return f"{self.stem}[{self.numbers[index]}]"

    def take(self, indices: NDArray[np.int64]) -> Numbered:
        """The names at `indices`."""
        return Numbered(self.stem, self.numbers[indices])


class Files(Column[Path]):
    """Paths of files: folders once, and a name for each.

    Args:
        folders: absolute paths of the folders.
        folder: int32 (m,), for each name the folder that it is in.
        names: the names, encoded as the file system has them, one after the other.
        ends: int64 (m,), where each name ends in `names`.
        rows: int32 (n,), which of the m files these are; None for all.
        held: what has to live as long as the paths are used, such as a claim on a folder that may
            be pruned; None for nothing.
    """

    def __init__(
        self,
        folders: Sequence[str],
        folder: NDArray[np.int32],
        names: bytes,
        ends: NDArray[np.int64],
        rows: NDArray[np.int32] | None = None,
        *,
        held: object = None,
    ) -> None:
        self.held = held
        self.folders, self.folder, self.names, self.ends = folders, folder, names, ends
        self.rows = np.arange(len(ends), dtype=np.int32) if rows is None else rows

    @classmethod
    def of(cls, listed: Iterable[tuple[str, Sequence[str]]]) -> Files:
        """The files of folders, each given with the names of the files in it, in that order."""
        folders: list[str] = []
        counts: list[int] = []
        parts: list[bytes] = []
        lengths: list[NDArray[np.int64]] = []
        for folder, names in listed:
            # All at once, since a call for each name takes most of the time: no name has a "/".
            encoded = np.frombuffer(os.fsencode("".join(f"{name}/" for name in names)), np.uint8)
            ends_here = np.flatnonzero(encoded == ord("/"))
            folders.append(folder)
            counts.append(len(names))
            parts.append(encoded[encoded != ord("/")].tobytes())
            lengths.append(np.diff(ends_here, prepend=-1) - 1)
        ends = np.cumsum(np.concatenate(lengths)) if lengths else np.zeros(0, np.int64)
        return cls(
            folders,
            np.repeat(np.arange(len(folders), dtype=np.int32), np.array(counts, np.int64)),
            b"".join(parts),
            ends.astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int) -> Path:
        """The path at `index`."""
        return Path(self.text(index))

    def text(self, index: int) -> str:
        """The path at `index` as text."""
        return os.path.join(self.folders[self.folder[self.rows[index]]], self.name(index))  # noqa: PTH118

    def name(self, index: int) -> str:
        """The name of the file at `index`."""
        return os.fsdecode(self._name(int(self.rows[index])))

    def _name(self, row: int) -> bytes:
        return self.names[self.ends[row - 1] if row else 0 : self.ends[row]]

    def encoded(self) -> Iterator[bytes]:
        """All paths, as the file system has them."""
        before = [os.path.join(os.fsencode(folder), b"") for folder in self.folders]  # noqa: PTH118
        starts = self.ends - np.diff(self.ends, prepend=0)
        for at in range(0, len(self), _AT_ONCE):
            rows = self.rows[at : at + _AT_ONCE]
            columns = (self.folder[rows], starts[rows], self.ends[rows])
            for folder, start, end in zip(*(each.tolist() for each in columns), strict=True):
                yield before[folder] + self.names[start:end]

    def is_same_listing(self, other: Files) -> bool:
        """Whether both are all files of equal listings."""
        return (
            len(self.folders) == len(other.folders)
            and list(self.folders) == list(other.folders)
            and self.names == other.names
            and all(np.array_equal(each, np.arange(len(each))) for each in (self.rows, other.rows))
            and np.array_equal(self.ends, other.ends)
            and np.array_equal(self.folder, other.folder)
        )

    def take(self, indices: NDArray[np.int64]) -> Files:
        """The paths at `indices`."""
        rows = self.rows[indices]
        return Files(self.folders, self.folder, self.names, self.ends, rows, held=self.held)

    def joined(self, other: Files) -> Files | None:
        """These files and the `other` ones, where both are of one listing."""
        if self.names is not other.names:
            return None
        rows = np.concatenate([self.rows, other.rows])
        return Files(self.folders, self.folder, self.names, self.ends, rows, held=self.held)

    def by_folder(self) -> Iterator[tuple[str, NDArray[np.int64], list[bytes]]]:
        """Each folder with the places here of its files, ascending, and their encoded names."""
        own = self.folder[self.rows]
        order = np.argsort(own, kind="stable")
        starts = np.flatnonzero(np.diff(own[order], prepend=-1))
        for places in np.split(order, starts[1:]) if len(order) else ():
            names = [self._name(row) for row in self.rows[places].tolist()]
            yield self.folders[own[places[0]]], places, names


class Names(Column[str]):
    """How files are called: their paths relative to a folder, with /, printable.

    Those that lie elsewhere have their whole paths.

    Args:
        files: the files.
        root: the folder; None for the names alone.
    """

    def __init__(self, files: Files, root: str | None) -> None:
        self.files, self.root = files, root
        self._before: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.files)

    def item(self, index: int) -> str:
        """The name at `index`."""
        name = self.files.name(index)
        return printable(name if self.root is None else self._folder(index) + name)

    def _folder(self, index: int) -> str:
        number = int(self.files.folder[self.files.rows[index]])
        known = self._before.get(number)
        if known is None:
            folder = Path(self.files.folders[number])
            if folder.is_relative_to(self.root or ""):
                folder = folder.relative_to(self.root or "")
            inner = folder.as_posix()
            known = self._before[number] = "" if inner == "." else f"{inner}/"
        return known

    def take(self, indices: NDArray[np.int64]) -> Names:
        """The names at `indices`."""
        return Names(self.files.take(indices), self.root)


def taken(items: Sequence[Item], indices: NDArray[np.int64]) -> Sequence[Item]:
    """The `items` at `indices`, as a column if they are one, else as a list."""
    if isinstance(items, Column):
        return items.take(indices)
    return [items[index] for index in indices.tolist()]


def concatenated(parts: Sequence[Sequence[Item]]) -> Sequence[Item]:
    """The items of all `parts`, as a column where they are columns of one thing, else as a list."""
    whole = parts[0] if parts else []
    for part in parts[1:]:
        joined = _joined(whole, part)
        if joined is None:
            return [item for each in parts for item in each]
        whole = joined
    return whole


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, Digests) and isinstance(other, Digests):
        return Digests(np.concatenate([one.rows, other.rows]))
    if isinstance(one, Files) and isinstance(other, Files):
        return one.joined(other)
    if isinstance(one, Names) and isinstance(other, Names) and one.root == other.root:
        files = one.files.joined(other.files)
        return None if files is None else Names(files, one.root)
    return None
