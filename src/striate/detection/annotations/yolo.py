"""Darknet's and YOLO's text: a file a picture, a line a box: class, centre, width and height.

Numbers are parts of the picture's width and height (github.com/AlexeyAB/darknet, "How to train (to
detect your custom objects)"). The text lies beside its picture, or in a folder ``labels`` where the
picture's path has ``images``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from striate.data.finding.split_names import read_split_name
from striate.detection.annotations.labelled import Annotations, Box, Fault, Labelled, box_of
from striate.errors import DataError, parameter
from striate.support import packages, paths
from striate.support.text import printable
from striate.support.words import plural

FORM = "YOLO text"
_LARGEST_TEXT = 16 << 20
#: Programs write numbers of six digits, so that a box may reach a little beyond its picture.
_SLACK = 1e-3
_NAMES = ("classes.txt", "obj.names", "classes.names", "_darknet.labels")
_TABLES = (".yaml", ".yml")


def is_yolo(content: bytes) -> bool:
    r"""Whether a text file that begins with `content` holds boxes: its first line is five numbers.

    Examples:
        >>> is_yolo(b"0 0.5 0.5 0.2 0.2 \n"), is_yolo(b"cat\ndog\n")
        (True, False)
    """
    first = content.strip().split(b"\n", 1)[0].split()
    try:
        return len(list(map(float, first))) >= 5
    except ValueError:
        return False


def text_of(picture: Path, labels: Path) -> list[Path]:
    """Where the boxes of `picture` may be written; `labels` is the folder that was given."""
    parts = picture.parts
    found = []
    for place in range(len(parts) - 2, -1, -1):  # the last folder called so, as YOLO has it
        if parts[place].lower() == "images":
            found.append(Path(*parts[:place], "labels", *parts[place + 1 :]).with_suffix(".txt"))
            break
    beside = picture.with_suffix(".txt")
    return [*found, beside, picture.parent / "labels" / beside.name, labels / beside.name]


def read_yolo(
    folder: Path, pictures: Sequence[Path], within: Path, names: Sequence[str] | None = None
) -> Annotations:
    """Read the boxes of `pictures`; one without a text has none.

    Args:
        folder: that was given; its names of classes count.
        pictures: files.
        within: the folder that they lie in.
        names: of the classes, in their order; None to look for them in the folder.

    Raises:
        DataError: no picture has a text, or the names cannot be read.
    """
    classes = tuple(names) if names is not None else _names_in(folder)
    found: list[Labelled] = []
    faults: list[Fault] = []
    without = 0
    for picture in pictures:
        text = next((f for f in text_of(picture, folder) if paths.is_file(f, kind=DataError)), None)
        without += text is None
        name = picture.relative_to(within).as_posix()
        try:
            boxes = () if text is None else tuple(_boxes(text, len(classes)))
        except DataError as error:
            faults.append(Fault(error.what, error.why))
            continue
        found.append(Labelled(name, picture, boxes, _part(name), relative=True))
    if without == len(pictures):
        raise DataError(
            paths.shown(folder),
            "holds pictures and no text file of boxes beside any",
            "put them beside the pictures, or into labels/ beside images/",
        )
    notes = []
    if without:
        notes.append(f"{plural(without, 'picture has', 'pictures have')} no text: taken as empty")
    return Annotations(folder, FORM, classes, tuple(found), tuple(faults), tuple(notes))


def _boxes(text: Path, classes: int) -> Iterable[Box]:
    """The boxes in a file.

    Raises:
        DataError: a line is at fault.
    """
    what = paths.shown(text)
    try:
        lines = paths.read_file(text, most=_LARGEST_TEXT, kind=DataError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(what, "is no text in UTF-8") from error
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        if line.strip():
            try:
                found.append(_box(line.split(), classes))
            except ValueError as error:
                raise DataError(f"{what}: line {number}", str(error)) from error
    return found


def _box(words: Sequence[str], classes: int) -> Box:
    if len(words) != 5:
        more = ", as the outlines of a segmentation have" if len(words) > 6 else ""
        raise ValueError(f"has {plural(len(words), 'number')}{more}; a box has a class and four")
    try:
        label, (x, y, width, height) = int(words[0]), map(float, words[1:])
    except ValueError:
        raise ValueError(f"is no class and four numbers: {printable(' '.join(words))!r}") from None
    if label < 0 or (classes and label >= classes):
        known = f", of {plural(classes, 'class', 'classes')} (from 0)" if classes else ""
        raise ValueError(f"has class {label}{known}")
    if max(x, y, width, height) > 1 + _SLACK or min(x, y) < -_SLACK:
        raise ValueError("is not in parts of the picture, from 0 to 1")
    box = box_of((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    return Box(box, label)


def _part(name: str) -> str:
    """The part that a picture belongs to by the folders that it is in."""
    for folder in name.split("/")[:-1]:
        found = read_split_name(folder)
        if found is not None and found.sure:
            return found.kind
    return ""


def _names_in(folder: Path) -> tuple[str, ...]:
    """The names of classes in, or beside, `folder`; none where there are none."""
    for place in (folder, folder.parent):
        for file in sorted(place.iterdir()):
            if file.suffix.lower() in _TABLES and (found := names_in_table(file)):
                return found
            if file.name in _NAMES or file.suffix == ".names":
                return names_in_lines(file)
    return ()


def names_in_lines(file: Path) -> tuple[str, ...]:
    """The names in a file with one a line.

    Raises:
        DataError: it is no text.
    """
    try:
        text = paths.read_file(file, most=_LARGEST_TEXT, kind=DataError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(paths.shown(file), "is no text in UTF-8", "write it again") from error
    return tuple(line.strip() for line in text.strip().splitlines())


def names_in_table(file: Path) -> tuple[str, ...]:
    """The names in a YOLO ``data.yaml``: a list, or a table by number; none in another file.

    Raises:
        DataError: its names are no names, or PyYAML is missing.
    """
    what = paths.shown(file)
    content = paths.read_file(file, most=_LARGEST_TEXT, kind=DataError)
    if b"names" not in content:
        return ()
    yaml = packages.need("yaml", purpose=f"read {what}", extra="detect", kind=DataError)
    try:
        table = yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(what, "is no sound YAML", "write it again") from error
    names = table.get("names") if isinstance(table, dict) else None
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(each, str | int) for each in names):
        raise DataError(
            what, "has names that are no list and no table from 0 on", f"give {parameter('names')}"
        )
    return tuple(map(str, names))
