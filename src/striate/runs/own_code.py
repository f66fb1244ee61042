"""``code/``: a copy of the Python file that makes a run's network, where that is a person's own.

Files of one's own change from day to day, and lie on one machine. The copy is what every command
runs, if the person who opens the run allows it; ``run.toml`` holds the digest of it, and the folder
must hold these files and no others.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from striate.errors import RunError
from striate.runs.layout import CODE
from striate.runs.origins import CodeOrigin
from striate.support.files import WriteError, write_atomically
from striate.support.paths import reason, shown

#: More than any network is written in; a run from somebody else is not read without end.
_LARGEST = 2**26
_MOST_FILES = 10_000


def read_code(main: Path, files: Iterable[Path]) -> dict[str, bytes]:
    """The contents of `files`, by where they lie from the folder of `main`, one of them.

    Raises:
        RunError: one cannot be read.
    """
    found = {}
    for file in sorted(files):
        try:
            found[file.relative_to(main.parent).as_posix()] = file.read_bytes()
        except OSError as error:
            why = f"cannot be read ({reason(error)})"
            raise RunError(shown(file), why, "make it readable") from error
    return found


def origin_of(main: Path, contents: Mapping[str, bytes]) -> CodeOrigin:
    """What ``run.toml`` says of the `contents` of `read_code`."""
    return CodeOrigin(file=main.name, digest=_digest(contents), origin=str(main))


def refuse_changed(main: Path, contents: Mapping[str, bytes]) -> None:
    """Raise where the files are no longer what `read_code` found: the network is another now.

    Raises:
        RunError: that is so, or one cannot be read.
    """
    if read_code(main, [main.parent / name for name in contents]) != contents:
        why = "was changed, or what it imports, while the images were read"
        raise RunError(shown(main), why, "give the command again")


def keep_code(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write `contents` into the `folder` of a run.

    Raises:
        WriteError: they cannot be written.
    """
    target = folder / CODE
    # What a process left that was killed before its run began.
    shutil.rmtree(target, ignore_errors=True)
    for name, content in contents.items():
        file = target / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = f"cannot be made ({reason(error)})"
            raise WriteError(shown(file.parent), why, "make it writable") from error
        write_atomically(file, content)


def code_in(folder: Path, code: CodeOrigin) -> Path:
    """The copy of the file, in the `folder` of a run, once it is what it was.

    Raises:
        RunError: as `code_of`.
    """
    code_of(folder, code)
    return folder / CODE / code.file


def code_of(folder: Path, code: CodeOrigin) -> dict[str, bytes]:
    """What the folder of the code in the `folder` of a run holds, once it is what it was.

    Raises:
        RunError: something is missing, or is not what the run was made with.
    """
    at = folder / CODE
    try:
        found = _contents(at)
    except OSError as error:
        why = f"cannot be read ({reason(error)})"
        raise RunError(shown(at), why, "make it readable, or restore it from a copy") from error
    if _digest(found) != code.digest:
        raise RunError(
            shown(at),
            "does not hold the code that the run was made with (its digest does not match)",
            "restore it from a copy of the run",
        )
    return found


def _contents(folder: Path) -> dict[str, bytes]:
    """All that lies in `folder`, whatever it is."""
    found: dict[str, bytes] = {}
    size = 0
    for file in sorted(folder.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        size += file.stat().st_size if file.is_file() else _LARGEST
        if size >= _LARGEST or len(found) >= _MOST_FILES or file.is_symlink():
            why = "holds what is no code of a run"
            raise RunError(shown(folder), why, "restore it from a copy")
        found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found


def _digest(contents: Mapping[str, bytes]) -> str:
    """SHA-256 over the names and contents, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(contents):
        own = hashlib.sha256(contents[name]).hexdigest()
        total.update(f"{own} {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
