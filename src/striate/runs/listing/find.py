"""Which folders are runs, and a list of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, overload

from striate.errors import RunError, nearest
from striate.runs import layout as names
from striate.runs.listing.entry import ListedRun, listed
from striate.support.paths import is_folder, mode_of, reason, resolved
from striate.support.shown import Shown
from striate.support.text import printable

DEEPEST = 6
"""Levels of folders that are looked through."""

#: What no other program's folder holds by chance.
_OURS = frozenset(
    (names.METRICS, names.TIMING, names.STATE, names.IMAGES, names.SAMPLES, names.EVALUATION)
)


@dataclass(frozen=True, kw_only=True)
class Unlisted:
    """A folder that looks like a run and cannot be read as one."""

    path: Path
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"path": str(self.path), "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class RunList(Shown, Sequence[ListedRun]):
    """Runs under a folder: a sequence of `ListedRun` that prints as a table.

    Attributes:
        folder: resolved.
        runs: those that were asked for, in the order that was asked for.
        unlisted: folders that look like runs and cannot be read.
        found: how many runs there are in all.
    """

    shown_by: ClassVar[str] = "striate.runs.listing.terminal:show_list"

    folder: Path
    runs: tuple[ListedRun, ...]
    unlisted: tuple[Unlisted, ...]
    found: int

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, index: int) -> ListedRun: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ListedRun, ...]: ...

    def __getitem__(self, index: int | slice) -> ListedRun | tuple[ListedRun, ...]:
        return self.runs[index]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "folder": str(self.folder),
            "runs": [each.to_json() for each in self.runs],
            "unlisted": [each.to_json() for each in self.unlisted],
        }


def find_runs(folder: str | Path) -> RunList:
    """The runs in `folder` and below it, down to `DEEPEST` levels, in the order of their paths.

    Folders whose name begins with a dot are passed over, and so is what lies within a run. Links to
    folders are followed only where they lead to a run itself.

    Raises:
        RunError: there is no such folder.
    """
    top = resolved(folder, kind=RunError)
    if not is_folder(top, kind=RunError):
        raise _no_folder(top)
    runs, unlisted = [], []
    for each in _candidates(top, 0):
        if isinstance(each, Unlisted):
            unlisted.append(each)
            continue
        try:
            name = "." if each == top else str(each.relative_to(top))
            runs.append(listed(each, name))
        except RunError as error:
            # Its own folder is named anyway.
            inside = error.what.removeprefix(printable(str(each)) + os.sep)
            unlisted.append(Unlisted(path=each, reason=f"{inside} {error.why}"))
    return RunList(folder=top, runs=tuple(runs), unlisted=tuple(unlisted), found=len(runs))


def _candidates(folder: Path, depth: int) -> Iterator[Path | Unlisted]:
    """Folders with a ``run.toml``, and those that should have one."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda each: each.name)
    except OSError as error:
        yield Unlisted(path=folder, reason=f"cannot be listed ({reason(error)})")
        return
    here = {each.name for each in entries}
    if names.CONFIG in here:
        yield folder
        return
    if stray := sorted(_OURS & here):
        yield Unlisted(path=folder, reason=f"holds {stray[0]} but no {names.CONFIG}")
    if depth == DEEPEST:
        return
    for each in entries:
        below = folder / each.name
        if each.is_dir(follow_symlinks=False):
            if not each.name.startswith("."):
                yield from _candidates(below, depth + 1)
        elif each.is_symlink() and os.path.isfile(below / names.CONFIG):  # noqa: PTH113 - never raises
            yield below


def _no_folder(top: Path) -> RunError:
    if mode_of(top, kind=RunError) is not None:
        return RunError(str(top), "is a file, not a folder", f"did you mean {top.parent}?")
    beside = [each.name for each in top.parent.glob("*/")] if top.parent.is_dir() else []
    near = nearest(top.name, beside) if beside else "check the path"
    return RunError(str(top), "there is no such folder", near)
