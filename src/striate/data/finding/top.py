"""A folder of a data set, and what can be seen of it without opening a file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from striate.data.finding.folders import files_under, is_image, names_in
from striate.data.finding.split_names import Reading, read_split_name, says_nothing
from striate.support.text import printable


class Top:
    """A folder directly in the data set, and what can be seen of it without opening a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder_names, self.file_names = names_in(path)
        self.folders = [path / name for name in self.folder_names]

    @property
    def files(self) -> list[Path]:
        """The files directly in it."""
        return [self.path / name for name in self.file_names]

    @property
    def name(self) -> str:
        """For people."""
        return f"{printable(self.path.name)}/"

    @cached_property
    def reading(self) -> Reading | None:
        """The split that the name speaks of, if any."""
        return read_split_name(self.path.name)

    @cached_property
    def kind(self) -> str:
        """That split, or an empty string."""
        return self.reading.kind if self.reading else ""

    @property
    def sure(self) -> bool:
        """Whether the name means nothing else."""
        return self.reading is not None and self.reading.sure

    @cached_property
    def level(self) -> Top:
        """The folder whose folders are classes, if this is a split: itself, or one more within.

        Archives wrap a split into another folder of its name: ``training_set/training_set/cats``.
        It holds no folders where the images of the split lie in no class folders.
        """
        if len(self.folders) != 1 or self.has_images:
            return self
        inner = Top(self.folders[0])
        name = inner.path.name
        wraps = name == self.path.name or says_nothing(name) or inner.kind == self.kind != ""
        return inner.level if wraps else self

    @cached_property
    def classes(self) -> set[str]:
        """Names of the class folders, if this is a split, in lower case."""
        return {folder.name.casefold() for folder in self.level.folders}

    @cached_property
    def has_images(self) -> bool:
        """Whether images lie directly in it."""
        return any(is_image(self.path / name) for name in self.file_names)

    @cached_property
    def holds_images(self) -> bool:
        """Whether images lie anywhere in it."""
        return self.has_images or any(is_image(path) for path in files_under(self.path))
