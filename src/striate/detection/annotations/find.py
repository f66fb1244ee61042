"""Which of the three forms a file or folder of labelled boxes has, told by its content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from striate.data.finding.folders import (
    entries,
    existing_folder,
    files_under,
    is_image,
    refuse_address,
)
from striate.detection.annotations.coco import is_coco, part_of_file, read_coco
from striate.detection.annotations.labelled import PARTS, Annotations
from striate.detection.annotations.voc import is_voc, read_voc
from striate.detection.annotations.yolo import is_yolo, read_yolo, text_of
from striate.errors import DataError, nearest
from striate.support import paths
from striate.support.text import printable

_START = 4096
_FORMS = "COCO's JSON, VOC's XML, or pictures with YOLO's text files"


def read_annotations(
    source: str | Path, *, images: str | Path | None = None, names: Sequence[str] | None = None
) -> Annotations:
    """Read labelled boxes.

    Args:
        source: a JSON file of COCO's form; an XML file of VOC's; a folder that holds either of
            them, or pictures with YOLO's text files.
        images: the folder of the pictures, where it is not near the file that names them.
        names: of the classes of YOLO's text, in their order, in place of those in the folder.

    Raises:
        DataError: there are none, or two forms; or the file as a whole is at fault. What is wrong
            with a single picture's boxes is in `Annotations.faults`.
    """
    refuse_address(source)
    path = paths.resolved(source, kind=DataError)
    folder = None if images is None else existing_folder(Path(images))
    if paths.is_folder(path, kind=DataError):
        return _in_folder(path, folder, names)
    if not paths.exists(path, kind=DataError):
        raise _nothing(path)
    start, _ = paths.read_start(path, _START, kind=DataError)
    if is_voc(start):
        return read_voc([path], path, folder)
    if is_coco(start):
        return read_coco(path, folder)
    if path.suffix.lower() in (".yaml", ".yml", ".txt", ".names"):
        return _in_folder(path.parent, folder, names)
    raise DataError(paths.shown(path), "holds no labelled boxes", f"give {_FORMS}")


def _nothing(path: Path) -> DataError:
    names: list[str] = []
    if paths.is_folder(path.parent, kind=DataError):
        names = [each.name for group in entries(path.parent) for each in group]
    remedy = nearest(printable(path.name), map(printable, names))
    if not remedy.startswith("did you mean"):  # a list of all that a folder holds helps nobody
        remedy = "check the path"
    return DataError(paths.shown(path), "there is no such file or folder", remedy)


def _in_folder(path: Path, images: Path | None, names: Sequence[str] | None) -> Annotations:
    files = files_under(path)
    within = path if images is None else images
    coco = [file for file in files if file.suffix.lower() == ".json" and _is(file, is_coco)]
    coco = [file for file in coco if _has_boxes(file)]
    voc = [file for file in files if file.suffix.lower() == ".xml" and _is(file, is_voc)]
    texts = {file for file in files if file.suffix.lower() == ".txt"}
    pictures = [
        each for each in (files if images is None else files_under(images)) if is_image(each)
    ]
    yolo = any(
        _is(text, is_yolo) for each in pictures for text in text_of(each, path) if text in texts
    )
    forms = {"COCO's JSON": bool(coco), "VOC's XML": bool(voc), "YOLO's text": yolo}
    present = [form for form, there in forms.items() if there]
    if len(present) > 1:
        raise DataError(
            paths.shown(path),
            f"holds boxes as {' and '.join(present)}",
            "give the one file or folder that counts",
        )
    if coco:
        return read_coco(_one_of(path, coco), images)
    if voc:
        return read_voc(voc, path, images)
    if yolo:
        return read_yolo(path, pictures, within, names)
    raise DataError(paths.shown(path), "holds no labelled boxes", f"give {_FORMS}")


def _is(file: Path, looks: Callable[[bytes], bool]) -> bool:
    start, _ = paths.read_start(file, _START, kind=DataError)
    return looks(start)


def _has_boxes(file: Path) -> bool:
    """Whether a JSON file speaks of annotations at all: other files may lie beside."""
    return b'"annotations"' in paths.read_file(file, kind=DataError)


def _one_of(folder: Path, files: list[Path]) -> Path:
    """The file to measure on: that of the test part, else of val, else the only one.

    Raises:
        DataError: there are several.
    """
    for part in PARTS:
        named = [file for file in files if part_of_file(file) == part]
        if len(named) == 1 and len(files) > 1:
            return named[0]
    if len(files) == 1:
        return files[0]
    listed = ", ".join(printable(file.relative_to(folder).as_posix()) for file in files[:5])
    raise DataError(paths.shown(folder), f"holds several files of boxes ({listed})", "give one")
