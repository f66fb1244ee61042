"""The images that a person names one by one: files, folders, globs, and what is in memory."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.archives.entry import Claim
from striate.data.archives.members import is_archive
from striate.data.archives.unpacked import unpacked
from striate.data.decoding.decode import decoding
from striate.data.decoding.formats import PLUGGED, SUFFIXES
from striate.data.decoding.in_memory import is_tensor, pixels_of
from striate.data.finding.folders import class_name, entries, files_under, is_image, refuse_address
from striate.data.reduction import Reduction
from striate.data.shards.find import is_pattern, shards_in, shards_of_pattern
from striate.data.shards.index import entries_of, is_plain
from striate.errors import DataError, nearest
from striate.support import paths
from striate.support.folders import cache_folder
from striate.support.text import printable

if TYPE_CHECKING:
    from typing import Any

    from torch import Tensor

Picture: TypeAlias = "Image.Image | NDArray[Any] | Tensor"
"""An image in memory: Pillow's, an array (H, W) or (H, W, 1, 3 or 4), or a tensor (1, 3 or 4, H,
W); whole numbers from 0 to 255, others from 0 to 1."""

Source: TypeAlias = "str | Path | Picture"
"""What `predict` takes: a file, a folder, a glob, or an image in memory."""


@dataclass(frozen=True)
class Item:
    """One image to look at, or why there is none.

    Attributes:
        name: what a person calls it.
        content: a file or an image in memory.
        root: the folder that was named, where the image lies in one.
    """

    name: str
    content: Path | Picture | DataError
    root: Path | None = None

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that it lies in, the nearest first, up to the one that was named.

        Of a file that was named itself that is one. They are written as classes are.
        """
        if not isinstance(self.content, Path):
            return ()
        root = self.content.parent if self.root is None else self.root
        inside = self.content.parent.relative_to(root).parts
        named = os.path.basename(os.path.abspath(root))  # noqa: PTH100, PTH119 - ".." stays a name
        return tuple(class_name(each) for each in (*reversed(inside), named))

    @contextmanager
    def opened(
        self, channels: int, reduction: Reduction | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """The image, uint8 (H, W, channels), for the time of a block; see `decode.decoding`.

        Raises:
            DataError: there is none, or it cannot be decoded.
        """
        if isinstance(self.content, DataError):
            raise self.content
        if isinstance(self.content, Path):
            with decoding(self.content, channels, reduction=reduction) as image:
                yield image
        else:
            yield pixels_of(self.content, channels, self.name)


def items(
    sources: Source | Iterable[Source], wanted: Callable[[Path], bool] = is_image
) -> Iterator[Item]:
    """An item for every image that `sources` name, in order, as often as it is named.

    A source that names nothing, and a folder that cannot be listed, are items that hold the error.

    Args:
        sources: what a person named.
        wanted: which files count where a folder or a glob is named.
    """
    for number, source in enumerate(sources_of(sources)):
        if isinstance(source, (str, Path)):
            yield from _expand(source, wanted)
        else:
            yield item_of(source, f"images[{number}]")


def item_of(source: Source, name: str) -> Item:
    """The one image that a file's path or a picture is; `name` is that of a picture without one."""
    if isinstance(source, (str, Path)):
        return Item(str(source), paths.expanded(source, kind=DataError))
    named = getattr(source, "filename", "")
    return Item(str(named) if named else name, source)


def sources_of(sources: Source | Iterable[Source]) -> Iterable[Source]:
    """`sources` one by one; a single one is one, and an array with four axes holds several."""
    if isinstance(sources, (str, Path, Image.Image)):
        return [sources]
    if _is_one_array(sources):
        return [sources]
    if not isinstance(sources, Iterable):
        raise DataError(
            type(sources).__name__,
            "is no image",
            "give a path, a Pillow image, a NumPy array, a tensor, or several of them",
        )
    return sources


def is_single(source: object) -> bool:
    """Whether `source` names one image by its nature: one in memory, or a path of no folder."""
    if isinstance(source, (str, Path)):
        path = paths.expanded(source, kind=DataError)
        if paths.is_folder(path, kind=DataError) or is_archive(path):
            return False
        return paths.exists(path, kind=DataError) or not glob.has_magic(str(path))
    return isinstance(source, Image.Image) or _is_one_array(source)


def _is_one_array(source: object) -> TypeGuard[Picture]:
    """Whether it is an array or a tensor that holds no more than one image."""
    return (isinstance(source, np.ndarray) or is_tensor(source)) and source.ndim < 4


def _expand(source: str | Path, wanted: Callable[[Path], bool]) -> Iterator[Item]:
    """The images that one path, folder or glob names."""
    unlisted: list[DataError] = []
    held: list[Claim] = []  # as long as the images are gone through
    try:
        found = _files(source, unlisted, wanted, held)
    except DataError as error:
        found = []
        unlisted.append(error)
    for path, root in found:
        yield Item(_called(source, path, root), path, root)
    for each in unlisted:
        yield Item(str(source), each)


def _called(source: str | Path, path: Path, root: Path | None) -> str:
    """The path of an image as a person has it: in an archive, not where that is unpacked."""
    if root is not None and is_archive(Path(source)) and not paths.is_file(root, kind=DataError):
        return f"{source}/{path.relative_to(root).as_posix()}"
    return str(path)


def _files(
    source: str | Path,
    unlisted: list[DataError],
    wanted: Callable[[Path], bool],
    held: list[Claim],
) -> list[tuple[Path, Path | None]]:
    """The files, each with the folder that was named or matched, if it lies in one."""
    refuse_address(source)
    path = paths.expanded(source, kind=DataError)
    if paths.is_folder(path, kind=DataError):
        images = [file for file in files_under(path, unlisted.append) if wanted(file)]
        if not images and not unlisted and (shards := shards_in(path)):
            return _in_shards(shards, wanted)
        if not images and not unlisted:
            raise DataError(paths.shown(path), "holds no images", "give a folder with images")
        return [(file, path) for file in images]
    if shards := _shards(path):
        return _in_shards(shards, wanted)
    if is_archive(path) and paths.exists(path, kind=DataError):
        root, claim = unpacked(paths.resolved(path, kind=DataError), cache_folder())
        held.append(claim)
        return [(file, root) for file in files_under(root, unlisted.append) if wanted(file)]
    if paths.exists(path, kind=DataError):
        return [(path, None)]
    # Of the file system itself, glob says nothing: what cannot be searched matches nothing.
    matches = sorted(Path(m) for m in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute
    found: list[tuple[Path, Path | None]] = []
    for match in matches:
        if os.path.isdir(match):  # noqa: PTH112 - Path raises for links that form a loop
            found += [(file, match) for file in files_under(match, unlisted.append)]
        else:
            found.append((match, None))
    matched = [each for each in found if wanted(each[0])]
    if matched or unlisted:
        return matched
    raise _nothing(path)


def _shards(path: Path) -> list[Path]:
    """The plain tar archives that a path, or a pattern, stands for; they are read in place."""
    if is_pattern(path):
        return shards_of_pattern(str(path))
    return [paths.resolved(path, kind=DataError)] if is_plain(path) else []


def _in_shards(
    shards: Sequence[Path], wanted: Callable[[Path], bool]
) -> list[tuple[Path, Path | None]]:
    """The members of archives, each with its archive."""
    members = ((shard / entry.name, shard) for shard in shards for entry in entries_of(shard))
    return [(file, shard) for file, shard in members if wanted(file)]


def _files_in(folder: Path) -> list[Path]:
    try:
        return entries(folder)[1]
    except DataError:
        return []


def _nothing(path: Path) -> DataError:
    """Why `path` names no image, with what it may have meant."""
    what = paths.shown(path)
    if glob.has_magic(str(path)):
        return DataError(what, "matches no image", "check the pattern")
    beside = path.absolute().parent
    if not paths.is_folder(beside, kind=DataError):
        why = f"there is no such file, nor the folder {paths.shown(beside)}"
        return DataError(what, why, "check the path")
    choices = [
        printable(file.name)
        for file in _files_in(beside)
        if file.suffix.lower() in SUFFIXES | PLUGGED
    ]
    remedy = nearest(printable(path.name), choices)
    if not remedy.startswith("did you mean"):  # a list of all that a folder holds helps nobody
        remedy = "check the path"
    return DataError(what, "there is no such file or folder", remedy)
