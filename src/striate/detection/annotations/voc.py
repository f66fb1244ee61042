"""Pascal VOC's XML: a file a picture, an ``object`` a box with its corners.

Everingham and Winn, "The PASCAL Visual Object Classes Challenge 2012 Development Kit", Sec. 4: in
VOC's own files the first pixel is 1 and the last belongs to the box, so that a box begins one pixel
to the left of its ``xmin``. Other programs, such as LabelImg, write plain coordinates in the same
form; ``<database>`` tells which it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.data.finding.split_names import read_split_name
from striate.detection.annotations.labelled import Annotations, Box, Fault, Labelled, box_of
from striate.detection.annotations.pictures import by_stem, inside
from striate.errors import DataError, parameter
from striate.support import packages, paths
from striate.support.text import printable

FORM = "VOC XML"
_LARGEST_XML = 16 << 20
_FOLDERS = ("JPEGImages", "images", "img", "imgs")
#: Of `size`, and of flags that are read; what else there is says nothing about boxes.
_VOC_DATABASE = "the voc"


def is_voc(content: bytes) -> bool:
    """Whether a file that begins with `content` may be one."""
    return b"<annotation" in content[:4096]


def read_voc(files: Sequence[Path], source: Path, images: Path | None = None) -> Annotations:
    """Read the boxes of one picture a file.

    Args:
        files: XML.
        source: the folder or file that was given.
        images: the folder of the pictures; None to look near each file.

    Raises:
        DataError: the package that reads XML is missing.
    """
    reader = packages.need(
        "defusedxml.ElementTree", purpose="read XML of others", extra="detect", kind=DataError
    )
    pictures = _Pictures(images)
    parts = _parts(source)
    classes: dict[str, int] = {}
    found: list[Labelled] = []
    faults: list[Fault] = []
    for file in files:
        try:
            root = _root(reader, file)
            boxes = tuple(_boxes(root, file, classes))
            path = pictures.find(root, file)
            part = parts.get(file.stem) or _part_of(file, source)
            found.append(Labelled(path.name, path, boxes, part, _size(root)))
        except DataError as error:
            faults.append(Fault(error.what, error.why))
    return Annotations(source, FORM, tuple(classes), tuple(found), tuple(faults))


def _root(reader: Any, file: Path) -> Any:
    what = paths.shown(file)
    content = paths.read_file(file, most=_LARGEST_XML, kind=DataError)
    try:
        root = reader.fromstring(content, forbid_dtd=True)
    except ValueError as error:  # defusedxml's refusals are of this family, ParseError is not
        raise DataError(what, "defines entities or a document type, which is refused") from error
    except SyntaxError as error:
        line = getattr(error, "position", (0,))[0]
        raise DataError(f"{what}: line {line}", "is no sound XML") from error
    if root.tag != "annotation":
        raise DataError(what, f"is a {printable(repr(root.tag))}, not an annotation")
    return root


def _boxes(root: Any, file: Path, classes: dict[str, int]) -> Iterator[Box]:
    """The boxes of a file; names that were not met before go into `classes`.

    Raises:
        DataError: one is at fault.
    """
    database = (root.findtext("source/database") or "").strip().lower()
    first = 1 if database.startswith(_VOC_DATABASE) else 0
    for number, each in enumerate(root.iterfind("object"), 1):
        name = (each.findtext("name") or "").strip()
        where = f"{paths.shown(file)}: object {number}"
        if not name:
            raise DataError(where, "has no name")
        try:
            xyxy = _corners(each, first)
        except ValueError as error:
            raise DataError(f"{where} ({printable(repr(name))})", str(error)) from error
        difficult = (each.findtext("difficult") or "").strip() == "1"
        yield Box(xyxy, classes.setdefault(name, len(classes)), crowd=difficult)


def _corners(element: Any, first: int) -> tuple[float, float, float, float]:
    texts = [element.findtext(f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")]
    try:
        left, top, right, bottom = (float(text) for text in texts)
    except (TypeError, ValueError):
        raise ValueError("has no bndbox of four numbers") from None
    return box_of((left - first, top - first, right, bottom))


def _size(root: Any) -> tuple[int, int] | None:
    """(height, width); None where they are not written or, as some programs do, 0."""
    texts = [root.findtext(f"size/{name}") or "" for name in ("height", "width")]
    if all(text.strip().isdecimal() for text in texts):
        height, width = map(int, texts)
        return (height, width) if height and width else None
    return None


class _Pictures:
    """Where the pictures lie: each folder is listed once."""

    def __init__(self, images: Path | None) -> None:
        self.images = images
        self._listed: dict[Path, dict[str, Path]] = {}

    def find(self, root: Any, file: Path) -> Path:
        """The picture of an annotation: by the name in it, else by that of its file.

        Raises:
            DataError: there is none.
        """
        named = (root.findtext("filename") or "").strip()
        folders = [self.images] if self.images is not None else self._near(file)
        for folder in folders:
            if named and inside(named) and paths.is_file(folder / named, kind=DataError):
                return folder / named
        for stem in dict.fromkeys((file.stem, Path(named).stem)):
            for folder in folders:
                if stem and stem in self._in(folder):
                    return self._in(folder)[stem]
        raise DataError(
            paths.shown(file),
            f"is of a picture {printable(repr(named or file.stem))} that is not there",
            f"give the folder of the pictures with {parameter('images')}",
        )

    def _near(self, file: Path) -> list[Path]:
        return [
            file.parent,
            *(place / name for place in (file.parent, file.parent.parent) for name in _FOLDERS),
            # Annotations/train beside JPEGImages/train
            *(file.parent.parent.parent / name / file.parent.name for name in _FOLDERS),
        ]

    def _in(self, folder: Path) -> dict[str, Path]:
        if folder not in self._listed:
            self._listed[folder] = by_stem(folder)
        return self._listed[folder]


def _parts(source: Path) -> Mapping[str, str]:
    """The part of each picture, by its name without an end, as VOC's ``ImageSets/Main`` says."""
    found: dict[str, str] = {}
    for place in (source, source.parent):
        for part in ("train", "val", "test"):
            listed = place / "ImageSets" / "Main" / f"{part}.txt"
            if paths.is_file(listed, kind=DataError):
                text = paths.read_file(listed, most=_LARGEST_XML, kind=DataError)
                found |= dict.fromkeys(text.decode(errors="replace").split(), part)
    return found


def _part_of(file: Path, source: Path) -> str:
    """The part that a file belongs to by the folders between it and `source`."""
    inner = file.relative_to(source).parts[:-1] if file.is_relative_to(source) else ()
    kinds = [
        found.kind for found in map(read_split_name, inner) if found is not None and found.sure
    ]
    return kinds[0] if kinds else ""
