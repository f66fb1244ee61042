"""Pictures that a command writes beside its answers: one file, or a folder of them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from striate.errors import StriateError, parameter
from striate.support.files import output_file
from striate.support.paths import expanded
from striate.support.text import printable

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def encoded(picture: Image.Image, suffix: str) -> bytes:
    """The bytes of a file with that `suffix`, one of `SUFFIXES`, that holds `picture`."""
    written = BytesIO()
    picture.save(written, _KINDS.get(suffix.lower(), "PNG"), quality=90)
    return written.getvalue()


class PictureFiles:
    """Where pictures go.

    Args:
        target: a file for the one picture that there is, or a folder, which is made if need be.
        option: the parameter that named it.
        ending: how the names in a folder end: ``.heatmap.png``.
        single: whether there is one picture.
        suffixes: those of the one file that there may be.

    Raises:
        StriateError: nothing can be written at `target`, or it is one file for several pictures.
    """

    def __init__(
        self,
        target: str | Path,
        *,
        option: str,
        ending: str,
        single: bool,
        suffixes: tuple[str, ...] = SUFFIXES,
    ) -> None:
        given = expanded(target, kind=StriateError)
        self._ending = ending
        self._file: Path | None = None
        if given.suffix.lower() in suffixes and not given.is_dir():
            if not single:
                raise StriateError(
                    parameter(option, target), "is one file", "give a folder for several images"
                )
            self._file = output_file(given, kind=StriateError)
        else:
            self._folder = _folder(given, option)
        self._taken: set[str] = set()

    def path(self, file: str, ending: str | None = None) -> Path:
        """Where the picture that belongs to `file` goes: a name that no other of them has.

        Args:
            file: what a person calls it.
            ending: how its name ends in a folder; as those of the others if None.
        """
        return self._file or self._folder / self._name(file, ending or self._ending)

    def _name(self, file: str, ending: str) -> str:
        stem = Path(file).stem or "image"
        name, number = f"{stem}{ending}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}{ending}"
        self._taken.add(name.casefold())
        return name


def _folder(path: Path, option: str) -> Path:
    """The folder at `path`, made if need be, after finding out that it can be written into."""
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise StriateError(
            printable(str(path)),
            "cannot be made a folder for pictures",
            f"give another {parameter(option)}",
        ) from error
    output_file(path / "picture.png", kind=StriateError)
    return path
