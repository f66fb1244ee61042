"""Where the pictures lie that a file of annotations names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from striate.data.finding.folders import entries, is_image
from striate.errors import DataError, parameter
from striate.support import paths
from striate.support.text import printable

#: Of so many names that a file gives, one at least has to be there.
_TRIED = 50

#: What people call the folder of the pictures.
_USUAL = ("images", "JPEGImages", "img", "imgs", "data")


def inside(name: str) -> bool:
    """Whether `name`, from a file, stays within the folder that it is looked for in."""
    return not (
        PurePosixPath(name).is_absolute()
        or PureWindowsPath(name).drive
        or ".." in PurePosixPath(name.replace("\\", "/")).parts
        or "\0" in name
    )


def folder_of(file: Path, names: Sequence[str], images: Path | None) -> Path:
    """The folder in which the pictures lie that `file` names.

    Args:
        file: the annotations.
        names: of pictures, relative to the folder that is looked for.
        images: the folder, where a person has said it.

    Raises:
        DataError: there is none that has one of them.
    """
    tried = [images] if images is not None else list(dict.fromkeys(_near(file)))
    for folder in tried:
        if any(paths.is_file(folder / name, kind=DataError) for name in names[:_TRIED]):
            return folder
    if not names:
        return tried[0]
    raise DataError(
        paths.shown(file),
        f"names pictures such as {printable(repr(names[0]))}, which are not in "
        + (printable(str(tried[0])) if images is not None else "its folder or one beside it"),
        f"give their folder with {parameter('images')}",
    )


def _near(file: Path) -> Iterator[Path]:
    """Folders that may hold the pictures: COCO has ``annotations/instances_val2017.json``."""
    called = file.stem.rpartition("_")[2]
    for place in (file.parent, file.parent.parent):
        yield place
        for name in (*_USUAL, called):
            yield place / name
            yield place / "images" / name


def by_stem(folder: Path) -> dict[str, Path]:
    """The pictures in `folder` by their names without the end; none where there is no folder."""
    if not paths.is_folder(folder, kind=DataError):
        return {}
    return {file.stem: file for file in entries(folder)[1] if is_image(file)}
