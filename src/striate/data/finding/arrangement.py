"""Whether the folders of a data set are its splits or its classes: signs, never a guess.

Signs are the names (`striate.data.finding.split_names`) and what lies in the folders: splits hold
the same class folders. Where the signs agree, the splits are taken as they are; where they
contradict each other, the folder is refused with both readings and what to do about each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from striate.data.finding.folders import entries, is_image
from striate.data.finding.masks import refuse_detection, refuse_masks
from striate.data.finding.split_names import partition_stem, says_nothing
from striate.data.finding.top import Top
from striate.data.tables.find import tables_beside
from striate.errors import DataError
from striate.support.paths import shown
from striate.support.text import printable

SPLITS = ("train", "val", "test")

_COMPANIONS = re.compile(
    r"(un|not)_?label|extra|sample|pred|quer|submission|mask|annotation|label|background|docs?$"
)
"""Names of what lies beside the splits of published data sets and is no class."""
_CONDITIONS = re.compile(
    r".{1,2}|left|right|front|back|top|bottom|side|up|down|in|out|indoors?|outdoors?|day|"
    r"night|male|female|men|women|raw|original|augmented|aug|small|large|big|low|high|good|bad|"
    r"old|new|clean|noisy|light|dark|colou?r|gr[ae]y|rgb|depth|normal|"
    r"\d[\d\W_]*(x|px|[cmk]?m|deg|degrees?|k|s|h|hz|lux|fps|db)?|"  # 2019, 2024-05-01, 40X
    r"(cam|camera|view|session|patient|subject|person|user|device|sensor|scan|slide|site|angle|"
    r"take|shot|seq|sequence|video|clip|day|run|series|year|round|group|batch|part|fold|set|"
    r"images?|imgs?|photos?|pictures?)[\W_]*\d+"
)
"""Names of how pictures were taken rather than of what they show."""
_OF_IMAGES = re.compile(r"images?|imgs?|pics?|pictures?|photos?|jpe?gs?|pngs?")
_MOST_SPLITS = 12
_MOST_LETTERS = 4
_FLAT = "put the images of each class into a folder named as the class, in each of them"
_RENAME = "if they are the classes, give them other names"


@dataclass(frozen=True)
class Branch:
    """A class in one split: its name, and the folder that holds its images, listed once."""

    name: str
    top: Top

    @property
    def folder(self) -> Path:
        """Where its images are."""
        return self.top.path


@dataclass
class Arrangement:
    """The class folders of each split; folders and files that belong to none; notes."""

    splits: dict[str, list[Branch]] = field(default_factory=dict)
    unused: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def arrangement(root: Path) -> Arrangement:
    """What the folders in `root` are.

    Raises:
        DataError: they could be splits or classes, or there are none.
    """
    folders, files = entries(root)
    tops = [Top(folder) for folder in folders]
    if not tops:
        raise _no_classes(root, files)
    splits = _by_name(root, tops)
    if splits:
        return _in_splits(root, tops, splits, files)
    within = _within_classes(root, tops)
    if within:
        return Arrangement(within, files=[*files, *(file for top in tops for file in top.files)])
    refuse_detection(root, tops)
    refuse_masks(tops)
    _refuse_the_same_in_all(root, tops)
    _refuse_copies(root, tops)
    found = Arrangement({"train": [Branch(top.path.name, top) for top in tops]}, files=files)
    found.notes += [
        f"{top.name} counts as a class; if it is a split, put the class folders into train/ and "
        "those of this one into it"
        for top in tops
        # A class of its own right: trains, and what is valid or is not.
        if top.sure and top.kind != "train" and top.path.name.lower() != "valid"
    ]
    return found


# --- splits by their names -------------------------------------------------------------------


def _by_name(root: Path, tops: Sequence[Top]) -> dict[str, Top]:
    """The folder of each split, or nothing where the folders are classes."""
    chosen = _named_as_splits(tops)
    if not chosen:
        return _single(root, tops)
    chosen.sort(key=lambda top: SPLITS.index(top.kind))
    names = " and ".join(top.name for top in chosen)
    if not any(top.level.folders for top in chosen):
        if not any(top.holds_images for top in chosen):
            raise DataError(shown(root), f"{names} are empty", "fill them, or give another folder")
        why = f"{names} look like splits, not classes, and hold no class folders"
        raise DataError(shown(root), why, f"{_FLAT}; {_RENAME}")
    found: dict[str, Top] = {}
    for top in chosen:
        if top.kind in found:
            both = f"both {found[top.kind].name} and {top.name} could be the {top.kind} images"
            raise DataError(shown(root), both, "keep one of them")
        found[top.kind] = top
    if "train" in found and not found["train"].level.folders:
        why = f"{names} look like splits, but {found['train'].name} has no class folders"
        raise DataError(shown(root), why, f"{_FLAT}; {_RENAME}")
    return found


def _named_as_splits(tops: Sequence[Top]) -> list[Top]:
    """Folders that are splits by the testimony of two names at least, for different splits."""
    sure = [top for top in tops if top.sure]
    if len({top.kind for top in sure}) > 1:
        return sure
    named = [top for top in tops if top.reading]
    pairs = [(one, other) for one, other in combinations(named, 2) if one.kind != other.kind]
    in_pairs = {
        top.path
        for one, other in pairs
        if (one.reading and other.reading and one.reading.stem == other.reading.stem)
        or _agree(one.classes, other.classes)
        for top in (one, other)
    }
    return [top for top in named if top.path in in_pairs]


def _single(root: Path, tops: Sequence[Top]) -> dict[str, Top]:
    """The only folder named as a split, where what lies in it and beside it confirms it."""
    sure = [top for top in tops if top.sure]
    if not sure:
        return _beside_companions(tops)
    one = sure[0]
    if len(sure) > 1:  # train/ and train2/: of one kind all of them
        if all(top.level.folders for top in sure):
            both = f"both {one.name} and {sure[1].name} could be the {one.kind} images"
            raise DataError(shown(root), both, "keep one of them")
        return {}
    others = [top for top in tops if top is not one and top.holds_images]
    if not one.level.folders:
        if others or not one.has_images:
            return {}  # a class like any other
        why = f"{one.name} looks like a split, not a class, and holds no class folders"
        raise DataError(shown(root), why, _FLAT.replace("each of them", "it"))
    alike = any(_agree(one.classes, top.classes) for top in others)
    above = _agree(one.classes, {top.path.name.casefold() for top in others})
    if not others or (one.kind == "train" and all(map(_is_companion, others))):
        return {one.kind: one}
    as_classes = not alike or all(top.has_images for top in others)
    if one.has_images and as_classes and not above:
        return {}  # images directly in it are the sign of a class
    names = ", ".join(top.name for top in others[:3])
    if one.kind == "train":
        why = f"{one.name} could be the images to train on, or a class beside {names}"
        remedy = f"give {shown(one.path)}; if it is a class, give it another name"
        raise DataError(shown(root), why, remedy)
    if alike or above:
        why = f"{one.name} looks like a split, and no folder beside it is the one to train on"
        raise DataError(shown(root), why, f"put {names} into train/, or call it so")
    return {}


def _beside_companions(tops: Sequence[Top]) -> dict[str, Top]:
    """The only folder whose name speaks of a split among others, as ``seg_train`` by ``seg_pred``.

    Nothing where what lies beside it may be a class.
    """
    named = [top for top in tops if top.reading and top.level.folders]
    beside = [top for top in tops if top not in named and top.holds_images]
    if len(named) != 1 or not beside or not all(map(_is_companion, beside)):
        return {}
    return {named[0].kind: named[0]}


def _in_splits(
    root: Path, tops: Sequence[Top], splits: dict[str, Top], files: list[Path]
) -> Arrangement:
    """The class folders of each split."""
    found = Arrangement(files=list(files))
    for split, top in splits.items():
        if not top.level.folders:
            found.notes.append(f"{top.name} has no class folders and is not used")
            found.unused.append(top.path)
            continue
        classes = [Top(folder) for folder in top.level.folders]
        refuse_detection(top.path, classes)
        refuse_masks(classes)
        found.splits[split] = [Branch(each.path.name, each) for each in classes]
        found.files += top.level.files + (top.files if top.level is not top else [])
    beside = ", ".join(top.name for top in splits.values())
    found.notes += [
        f"{top.name} lies beside {beside}: not used" for top in tops if top not in splits.values()
    ]
    return found


# --- splits within classes, and folders that are neither --------------------------------------


def _within_classes(root: Path, tops: Sequence[Top]) -> dict[str, list[Branch]]:
    """Splits whose classes are the folders above them, as in ``cat/train``, ``cat/val``."""
    inner = {top.path: [Top(folder) for folder in top.folders] for top in tops}
    named = [top for top in tops if len({each.kind for each in inner[top.path] if each.sure}) > 1]
    if len(tops) < 2 or not named:
        return {}
    names = ", ".join(top.name for top in named[:3])
    if any(each.folders for top in named for each in inner[top.path]):
        why = f"{names} look like data sets of their own, each with its splits"
        raise DataError(shown(root), why, f"give one of them, such as {shown(named[0].path)}")
    splits: dict[str, list[Branch]] = {}
    for top in tops:
        kinds = [each.kind for each in inner[top.path] if each.sure]
        if top.has_images or not kinds or len(set(kinds)) < len(inner[top.path]):
            why = f"the folders in {names} look like splits, but not all of {top.name} lies in one"
            remedy = "put every image of each class into a split, or none"
            raise DataError(shown(root), why, remedy)
        for each in inner[top.path]:
            splits.setdefault(each.kind, []).append(Branch(top.path.name, each))
    return {split: splits[split] for split in SPLITS if split in splits}


def _refuse_the_same_in_all(root: Path, tops: Sequence[Top]) -> None:
    """Raise where every folder holds the same folders: parts or sources of one data set."""
    full = [top for top in tops if top.folders]
    if not 2 <= len(full) <= _MOST_SPLITS or any(top.has_images for top in tops):
        return
    numbered = {partition_stem(top.path.name) for top in full}
    parts = len(numbered) == 1 and None not in numbered
    same = all(one.classes == other.classes for one, other in combinations(full, 2))
    if parts:
        same = all(_agree(one.classes, other.classes) for one, other in combinations(full, 2))
    named_alike = len(full[0].classes) > 1 and same
    inner = full[0].classes
    if not named_alike or (
        not parts and (_are_conditions(inner) or any(map(_OF_IMAGES.fullmatch, inner)))
    ):
        return
    shared = ", ".join(printable(name) for name in sorted(inner)[:3])
    names = ", ".join(top.name for top in full[:3])
    raise DataError(
        shown(root),
        f"{names} look like splits, not classes: each holds the same folders ({shared})",
        "name them train/, val/ and test/, or give one of them; if they are the classes, put "
        "their images straight into them",
    )


def _refuse_copies(root: Path, tops: Sequence[Top]) -> None:
    """Raise for a folder that holds the very folders that lie beside it, as some archives do."""
    names = {top.path.name.casefold() for top in tops}
    for top in tops:
        if len(top.classes) > 1 and top.classes <= names and not top.has_images:
            why = f"{top.name} holds folders of the same names as those beside it"
            raise DataError(shown(root), why, f"move it away, or give it alone: {shown(top.path)}")


def _no_classes(root: Path, files: Sequence[Path]) -> DataError:
    way = "put the images of each class into a folder named as the class"
    tables = tables_beside(root)
    if tables:
        way = f"give the table {shown(root / tables[0])} if it tells the classes, or {way}"
    if any(is_image(path) for path in files):
        return DataError(shown(root), "its images lie in no class folder", way)
    return DataError(shown(root), "holds no class folders and no images", way if tables else "")


def _agree(one: set[str], other: set[str]) -> bool:
    """Whether two folders hold much the same folders: at least half of the smaller set."""
    return 2 * len(one & other) >= min(len(one), len(other)) > 0


def _is_companion(top: Top) -> bool:
    return bool(_COMPANIONS.search(top.path.name.lower()))


def _are_conditions(names: set[str]) -> bool:
    """Whether all of these names tell how pictures were taken, and none what they show."""
    letters = [name for name in names if len(name) <= 2 and not name.isdecimal()]
    if len(letters) > _MOST_LETTERS or names == set("0123456789"):
        return False  # an alphabet, c0 to c9, the digits of MNIST
    return all(says_nothing(name) or _CONDITIONS.fullmatch(name) for name in names)
