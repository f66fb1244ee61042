"""Folders of class folders: which split and which class each image belongs to.

A folder in a data set is a split or a class, and nothing but signs tells which. What
`striate.data.finding.arrangement` decides is read here: the class folders of each split and all
images in them. Whatever is passed over or could be meant otherwise is noted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Files
from striate.data.decoding.formats import kind_of_name
from striate.data.finding.arrangement import Branch, arrangement
from striate.data.finding.folders import class_name, files_under, is_image, listing
from striate.data.finding.split_names import says_nothing
from striate.data.scan import Problem
from striate.data.targets import Target
from striate.errors import DataError
from striate.support.paths import shown
from striate.support.text import printable

_Listed: TypeAlias = tuple[str, list[str]]  # a folder, and the names of files in it
_LISTED = 3  # names in a note
_TOOLS = {"runs", "wandb", "mlruns", "lightning_logs", "tb_logs", "outputs", "checkpoints", "logs"}
_TOOL_FILES = {"args.yaml", "opt.yaml", "hyp.yaml", "hparams.yaml", "wandb-summary.json"}
_TOOL_FILES |= {"meta.yaml", "run.toml"}
_TOOL_SUFFIXES = {".pt", ".pth", ".ckpt", ".safetensors"}


@dataclass(frozen=True)
class Part:
    """Images of one split before they are read: `paths[i]` belongs to ``classes[labels[i]]``.

    Of images with numbers there are no classes, and `values` (n, targets).
    """

    classes: tuple[str, ...]
    paths: Files
    labels: NDArray[np.int64]
    values: NDArray[np.float64] | None = None


@dataclass
class Layout:
    """What a folder or a table holds: parts by split, and what was passed over.

    `files` are those of all parts, one after the other; each part has a view of its own. `ignored`
    are files that are no images, `loose` images that lie in no class folder. `origin` is what a
    person named, if not the `root` that names are relative to; of a table `places` say in which
    of its lines (or what else it `counts` by) each of the files stands, and `problems` which of its
    rows cannot be used.
    """

    root: Path
    origin: str = ""
    targets: tuple[Target, ...] = ()
    places: Sequence[int] = ()
    counts: str = ""
    problems: list[Problem] = field(default_factory=list)
    files: Files = field(default_factory=lambda: Files.of(()))
    parts: dict[str, Part] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def name(self, path: Path) -> str:
        """`path` relative to the root, printable on any machine."""
        return printable(path.relative_to(self.root).as_posix())


def read_layout(root: Path) -> Layout:
    """The images under `root`, a resolved folder, by split and class, sorted; none is decoded.

    Raises:
        DataError: it holds no class folders, or folders that could be splits or classes.
    """
    layout = Layout(root)
    found = arrangement(root)
    layout.notes += found.notes
    nested: dict[str, set[str]] = {}
    by_class = {split: _by_class(layout, given, nested) for split, given in found.splits.items()}
    _part(layout, by_class)
    for folder in found.unused:
        _sort_out(layout, files_under(folder))
    _sort_out(layout, found.files)
    layout.notes += _note_nested(nested)
    layout.notes += note_alike({name for part in layout.parts.values() for name in part.classes})
    if layout.loose:
        layout.notes.append(
            f"{_counted(len(layout.loose), 'image')} in no class folder, not used: "
            f"{_some(layout.loose)}; put each into the folder of its class"
        )
    return layout


def _by_class(
    layout: Layout, branches: Sequence[Branch], nested: dict[str, set[str]]
) -> dict[str, list[_Listed]]:
    """The images of one split: all at any depth in its class folders, sorted by class and path."""
    by_class: dict[str, Branch] = {}
    for branch in branches:
        name = class_name(branch.name)
        if name in by_class:
            raise DataError(shown(branch.folder), f"there are two class folders named '{name}'")
        by_class[name] = branch
    found: dict[str, list[_Listed]] = {}
    for name in sorted(by_class):
        folder, top = by_class[name].folder, by_class[name].top
        images, others = _parted(listing(folder, names_there=(top.folder_names, top.file_names)))
        if _is_left_by_a_tool(layout, folder, bool(images), others):
            continue
        _sort_out(layout, others)
        found[name] = images
        inner = _inner_folders(folder, images)
        if inner:
            nested.setdefault(name, set()).update(inner)
    return found


def _part(layout: Layout, found: dict[str, dict[str, list[_Listed]]]) -> None:
    """Make parts of the images of each split, by class."""
    layout.files = Files.of(
        listed for classes in found.values() for images in classes.values() for listed in images
    )
    start = 0
    for split, classes in found.items():
        counts = [sum(len(names) for _, names in images) for images in classes.values()]
        own = layout.files[start : start + sum(counts)]
        labels = np.repeat(np.arange(len(counts)), np.array(counts, np.int64))
        layout.parts[split] = Part(tuple(classes), own, labels)
        start += len(own)


def _sort_out(layout: Layout, files: Iterable[Path]) -> None:
    """Write down files that belong to no class."""
    for path in files:
        (layout.loose if is_image(path) else layout.ignored).append(layout.name(path))


def _parted(listed: Iterable[_Listed]) -> tuple[list[_Listed], list[Path]]:
    """The images, folder by folder, and what is none."""
    images: list[_Listed] = []
    others: list[Path] = []
    for folder, names in listed:
        own = []
        for name in names:
            kind = kind_of_name(name)
            if kind or (kind is None and is_image(Path(folder, name))):
                own.append(name)
            else:
                others.append(Path(folder, name))
        if own:
            images.append((folder, own))
    return images, others


def _is_left_by_a_tool(layout: Layout, folder: Path, has_images: bool, others: list[Path]) -> bool:
    """Whether `folder` is no class but what some training tool wrote; noted either way."""
    name, known = printable(folder.name), folder.name.lower() in _TOOLS
    sign = next((path.name for path in others if _is_of_a_tool(path, known)), "")
    if known and (sign or not has_images):
        what = f" ({printable(sign)})" if sign else ""
        layout.notes.append(f"{name}/ holds what a training tool wrote{what}: not a class")
        return True
    if known or sign:
        layout.notes.append(
            f"{name}/ counts as a class; if a training tool wrote it, move it elsewhere"
        )
    return False


def _is_of_a_tool(path: Path, known: bool) -> bool:
    """Whether only a training tool calls a file so; weights tell something in `known` places."""
    name = path.name.lower()
    return (
        name in _TOOL_FILES
        or name.startswith("events.out.tfevents")
        or (known and path.suffix.lower() in _TOOL_SUFFIXES)
    )


def _inner_folders(folder: Path, images: list[_Listed]) -> set[str]:
    """Folders within a class folder that could be the classes; one called ``images`` could not."""
    places = (Path(place).relative_to(folder).parts for place, _ in images)
    inner = {parts[0] for parts in places if parts}
    if len(inner) == 1 and all(says_nothing(name) or name == folder.name for name in inner):
        return set()
    return inner


def _note_nested(nested: dict[str, set[str]]) -> list[str]:
    if not nested:
        return []
    shown = [
        f"{name} ({_some([printable(each) for each in sorted(nested[name])])})"
        for name in list(nested)[:_LISTED]
    ]
    return [
        f"images in sub-folders count for the class above: {_some(shown, len(nested))}; if the "
        "sub-folders are the classes, move them one level up"
    ]


def note_alike(classes: Iterable[str]) -> list[str]:
    """A note on classes that differ by nothing that people, or some disks, can tell."""
    alike: dict[str, list[str]] = {}
    for name in sorted(classes):
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        alike.setdefault(key, []).append(name)
    return [
        f"{', '.join(repr(name) for name in names)} are {len(names)} classes; if they are one, "
        "put their images into one folder"
        for names in alike.values()
        if len(names) > 1
    ]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _some(names: Sequence[str], of: int | None = None) -> str:
    """The first of `names`, and how many there are besides."""
    total = len(names) if of is None else of
    more = total - min(len(names), _LISTED)
    return ", ".join(names[:_LISTED]) + (f" and {more:,} more" if more else "")
