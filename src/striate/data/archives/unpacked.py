"""An archive of a folder, unpacked once into the cache.

There it is read as the folder itself, by the same code at the same speed.
"""

from __future__ import annotations

import errno
from contextlib import closing
from pathlib import Path

from striate.data.archives.entry import Budget, Unpacked, unpack_once
from striate.data.archives.members import Member, members_of
from striate.data.finding.folders import is_image, names_in
from striate.data.finding.split_names import read_split_name
from striate.data.tables.find import tables_beside
from striate.errors import DataError
from striate.support import paths
from striate.support.progress import Progress, counting
from striate.support.text import printable


def unpacked(path: Path, cache: Path, *, show: bool = False) -> Unpacked:
    """The folder that the archive `path` holds, unpacked unless it is already.

    Args:
        path: the archive, resolved.
        cache: the cache's folder.
        show: tell how far it is, where there is a terminal.

    Raises:
        DataError: see `members_of`; or it does not fit into the cache.
    """

    def fill(folder: Path, budget: Budget) -> None:
        with counting(f"unpacking {printable(path.name)}", wanted=show) as progress:
            _write_all(path, folder, budget, progress)

    folder, claim = unpack_once(str(path), [path], fill, cache)
    return Unpacked(_folder_meant(folder), claim)


def _write_all(path: Path, folder: Path, budget: Budget, progress: Progress | None) -> None:
    made: set[str] = set()
    sizes: dict[str, int] = {}  # of those of one name, the last counts
    with members_of(path) as (members, count), closing(members):
        for number, member in enumerate(members, 1):
            parent = member.name if member.is_folder else member.name.rpartition("/")[0]
            try:
                if parent not in made:
                    (folder / parent).mkdir(parents=True, exist_ok=True)
                    made.add(parent)
                if member.is_folder:
                    continue
                before = sizes.pop(member.name, None)
                if before is not None:
                    budget.take(-before, files=-1)
                sizes[member.name] = _write(member, folder, budget)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                why = f"holds '{printable(member.name)}' as a file and as a folder"
                raise DataError(paths.shown(path), why, "pack it again") from None
            except OSError as error:
                if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                    raise
                why = f"holds a name that no file can have, '{printable(member.name[:60])}'"
                raise DataError(paths.shown(path), why, "pack it again") from None
            if progress is not None:
                progress(number, count)


def _write(member: Member, folder: Path, budget: Budget) -> int:
    """Write the file of a member; gives its bytes."""
    size = 0
    budget.take(0, files=1)
    with (folder / member.name).open("wb") as file:
        for chunk in member.chunks():
            budget.take(len(chunk))
            size += len(chunk)
            file.write(chunk)
    return size


def _folder_meant(folder: Path) -> Path:
    """The folder of images in what was unpacked: archives often hold it, not what is in it."""
    while True:
        folders, files = names_in(folder)
        if len(folders) != 1 or tables_beside(folder):
            return folder
        if read_split_name(folders[0]) is not None or any(is_image(folder / one) for one in files):
            return folder
        inner = folder / folders[0]
        if not names_in(inner)[0] and not tables_beside(inner):
            return folder  # a class, or what else ends here
        folder = inner
