"""COCO's JSON: pictures, annotations with ``bbox`` (left, top, width, height), categories.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; cocodataset.org, "Data format".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.data.finding.split_names import read_split_name
from striate.detection.annotations.labelled import Annotations, Box, Fault, Labelled, box_of
from striate.detection.annotations.pictures import folder_of, inside
from striate.errors import DataError
from striate.support import paths
from striate.support.text import printable

FORM = "COCO JSON"
_KEYS = ("images", "annotations", "categories")


def is_coco(content: bytes) -> bool:
    """Whether a file that begins with `content` may be one, as far as that tells."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def read_coco(file: Path, images: Path | None = None) -> Annotations:
    """Read one file.

    Args:
        file: whatever it is called.
        images: the folder of the pictures; None to look near the file.

    Raises:
        DataError: it is no such file, two things in it have one number, an annotation is of no
            picture, or the folder of the pictures is not to be found.
    """
    document = _document(file)
    categories = _by_id(file, document, "categories", "name")
    classes = tuple(categories.values())
    labels = {identity: label for label, identity in enumerate(categories)}
    records = _by_id(file, document, "images", "file_name")
    boxes: dict[Any, list[Box]] = {identity: [] for identity in records}
    faults: dict[Any, Fault] = {}
    for number, each in enumerate(document["annotations"]):
        where = f"{paths.shown(file)}: {_name_of(each, number)}"
        if not isinstance(each, dict) or not _is_key(each.get("image_id")):
            raise DataError(where, "names no picture (image_id)", "give it one, or take it out")
        image = each["image_id"]
        if image not in records:
            raise DataError(
                where, f"is of image {image!r}, which is not in the file", "take it out, or add it"
            )
        try:
            boxes[image].append(_box(each, labels))
        except ValueError as error:
            faults.setdefault(image, Fault(where, str(error)))
    by_id = {each["id"]: each for each in document["images"]}
    folder = folder_of(file, [name for name in records.values() if inside(name)], images)
    pictures = []
    for image, name in records.items():
        path = folder / name
        if not inside(name) or not paths.is_file(path, kind=DataError):
            why = f"there is no picture {printable(str(path))}"
            if not inside(name):
                why = f"its name {printable(repr(name))} leads out of the folder of the pictures"
            faults.setdefault(image, Fault(f"{paths.shown(file)}: image {image}", why))
        if image not in faults:
            found = by_id[image]
            part = _part(found, file)
            pictures.append(Labelled(name, path, tuple(boxes[image]), part, _size(found)))
    return Annotations(file, FORM, classes, tuple(pictures), tuple(faults.values()))


def _document(file: Path) -> dict[str, Any]:
    what = paths.shown(file)
    try:
        document = json.loads(paths.read_file(file, kind=DataError))
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(what, f"is no sound JSON{where}", "write it again") from error
    if isinstance(document, list):
        raise DataError(
            what,
            "is a list, as files of results are, and not of labels",
            f"give the file that holds {', '.join(_KEYS)}",
        )
    missing = [
        key
        for key in _KEYS
        if not isinstance(document, dict) or not isinstance(document.get(key), list)
    ]
    if missing:
        raise DataError(
            what,
            f"is no {FORM} of boxes: it has no list {', '.join(map(repr, missing))}",
            f"give a file that holds {', '.join(_KEYS)}",
        )
    found: dict[str, Any] = document
    return found


def _by_id(file: Path, document: Mapping[str, Any], key: str, wanted: str) -> dict[Any, str]:
    """The text `wanted` of each record in the list `key`, by its number."""
    found: dict[Any, str] = {}
    for number, each in enumerate(document[key]):
        where = f"{paths.shown(file)}: {key}[{number}]"
        if not isinstance(each, dict) or not _is_key(each.get("id")):
            raise DataError(where, "has no number (id)", "give it one")
        if not isinstance(each.get(wanted), str) or not each[wanted]:
            raise DataError(where, f"has no text {wanted!r}", "give it one")
        if each["id"] in found:
            raise DataError(where, f"has the number {each['id']!r} of another", "give it its own")
        found[each["id"]] = each[wanted]
    names = list(found.values())
    if key == "categories" and len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"{paths.shown(file)}: categories",
            f"two are called {printable(repr(double))}",
            "give each its own name",
        )
    return found


def _is_key(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _name_of(annotation: object, number: int) -> str:
    """How an error calls an annotation: by its number, else by its place."""
    if isinstance(annotation, dict) and _is_key(annotation.get("id")):
        return f"annotation {printable(str(annotation['id']))}"
    return f"annotations[{number}]"


def _box(annotation: Mapping[str, Any], labels: Mapping[Any, int]) -> Box:
    """The box of one annotation.

    Raises:
        ValueError: something in it is at fault.
    """
    category = annotation.get("category_id")
    if not _is_key(category) or category not in labels:
        raise ValueError(f"has the category {category!r}, which is not in the file")
    numbers = annotation.get("bbox")
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(_is_number, numbers)):
        raise ValueError("has no bbox of four numbers")
    left, top, width, height = map(float, numbers)
    xyxy = box_of((left, top, left + width, top + height))
    area = annotation.get("area")
    if area is not None and (not _is_number(area) or area < 0):
        raise ValueError(f"has an area of {area!r}")
    crowd = annotation.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise ValueError(f"has iscrowd {crowd!r}, which is 0 or 1")
    return Box(xyxy, labels[category], None if area is None else float(area), bool(crowd))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def _part(image: Mapping[str, Any], file: Path) -> str:
    """The part that a picture belongs to: its own ``split``, or what the file is called after."""
    own = image.get("split")
    found = read_split_name(own) if isinstance(own, str) else None
    return found.kind if found is not None else part_of_file(file)


def part_of_file(file: Path) -> str:
    """The part that a file is of: by its name, or by that of its folder, which says nothing else.

    Examples:
        >>> part_of_file(Path("annotations/instances_val2017.json"))
        'val'
        >>> part_of_file(Path("test/_annotations.coco.json")), part_of_file(Path("test_rig/a.json"))
        ('test', '')
    """
    own, folder = read_split_name(file.stem), read_split_name(file.parent.name)
    if own is not None:
        return own.kind
    return folder.kind if folder is not None and folder.sure else ""
