"""Folders of class folders: where the images lie, which split and which class each belongs to."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from striate.data.decode import FOREIGN, SUFFIXES
from striate.errors import DataError, nearest
from striate.support.text import printable

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Names of folders (in any case) that are splits, and the split that each is."""

_NOT_DATA = {"__macosx", "thumbs.db", "desktop.ini", "@eadir"}


@dataclass(frozen=True)
class Part:
    """Images of one split before they are read: `paths[i]` belongs to ``classes[labels[i]]``."""

    classes: tuple[str, ...]
    paths: list[Path]
    labels: list[int]


@dataclass
class Layout:
    """What a folder holds: parts by split, and what was passed over."""

    root: Path
    parts: dict[str, Part] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """`path` relative to the root, printable on any machine."""
        return printable(path.relative_to(self.root).as_posix())


def read_layout(root: Path) -> Layout:
    """The images under `root`, sorted; nothing is opened. Raises DataError."""
    root = root.resolve()
    layout = Layout(root)
    splits = _split_folders(root)
    if not splits:
        layout.parts["train"] = _part(layout, root)
        return layout
    used = set()
    for split, folder in splits.items():
        used.add(folder.name)
        if _folders(folder):
            layout.parts[split] = _part(layout, folder)
        else:
            layout.ignored += [layout.name(path) for path in files_under(folder)]
            layout.notes.append(f"{folder.name}/ has no class folders and is not used")
    for other in _folders(root):
        if other.name not in used:
            layout.notes.append(
                f"{printable(other.name)}/ lies beside {'/, '.join(used)}/: not used"
            )
    layout.ignored += [layout.name(path) for path in _loose_files(root)]
    return layout


def _split_folders(root: Path) -> dict[str, Path]:
    """Folder of each split, or nothing where `root` holds class folders.

    A folder named train is a split only if it holds folders itself: it may be the class of trains.
    """
    found: dict[str, Path] = {}
    for folder in _folders(root):
        split = SPLITS.get(folder.name.lower())
        if split is None:
            continue
        if split in found:
            raise DataError(
                str(root),
                f"both {found[split].name}/ and {folder.name}/ could be the {split} images",
                "keep one of them",
            )
        found[split] = folder
    return found if "train" in found and _folders(found["train"]) else {}


def _part(layout: Layout, folder: Path) -> Part:
    """The class folders in `folder`, sorted by name, and all images at any depth in them."""
    by_class: dict[str, Path] = {}
    for class_folder in _folders(folder):
        # macOS writes é as two characters, others as one: the same class all the same.
        name = unicodedata.normalize("NFC", printable(class_folder.name))
        if name in by_class:
            raise DataError(str(class_folder), f"there are two class folders named '{name}'")
        by_class[name] = class_folder
    layout.ignored += [layout.name(path) for path in _loose_files(folder)]
    classes = tuple(sorted(by_class))
    if not classes:
        raise _no_classes(folder)
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        for path in files_under(by_class[name]):
            if is_image_name(path):
                paths.append(path)
                labels.append(label)
            else:
                layout.ignored.append(layout.name(path))
    return Part(classes, paths, labels)


def _no_classes(folder: Path) -> DataError:
    if any(is_image_name(path) for path in _loose_files(folder)):
        return DataError(
            str(folder),
            "its images lie in no class folder",
            "put the images of each class into a folder named as the class",
        )
    return DataError(str(folder), "holds no class folders and no images")


def is_image_name(path: Path) -> bool:
    """Whether a file's name promises an image, be it of a kind that is not read here."""
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or suffix in FOREIGN


def is_hidden(name: str) -> bool:
    """Whether a file or folder is the file system's or a program's own business."""
    return name.startswith(".") or name.lower() in _NOT_DATA


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in _list(folder) if path.is_dir())


def _loose_files(folder: Path) -> list[Path]:
    return sorted(path for path in _list(folder) if not path.is_dir())


def _list(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not is_hidden(path.name)]
    except OSError as error:
        raise DataError(str(folder), f"cannot be listed ({error.strerror})") from None


def files_under(folder: Path) -> list[Path]:
    """All files under `folder`, sorted by path, following links but no link twice."""
    seen: set[str] = set()

    def complain(error: OSError) -> None:
        raise DataError(str(error.filename), f"cannot be listed ({error.strerror})")

    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=complain, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not is_hidden(name)]
        found += [Path(place, name) for name in files if not is_hidden(name)]
    return sorted(found)


def existing_folder(path: Path, names: tuple[str, ...] = ()) -> Path:
    """`path` resolved; DataError where it is no folder. `names` are names it may have meant."""
    full = path.expanduser().resolve()
    if full.is_dir():
        return full
    if full.exists():
        raise DataError(
            str(full), "is a file", "give a folder of class folders; unpack an archive first"
        )
    beside = [p.name for p in full.parent.iterdir() if p.is_dir()] if full.parent.is_dir() else []
    choices = [*names, *(printable(name) for name in beside if not is_hidden(name))]
    raise DataError(str(full), "there is no such folder", nearest(full.name, choices))
