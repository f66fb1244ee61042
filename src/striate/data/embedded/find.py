"""Which tables hold images: a file, a folder of them, a saved data set, or one of the Hub's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from striate.data.embedded.rows import RowFile
from striate.data.finding.folders import names_in
from striate.data.finding.split_names import read_split_name
from striate.data.shards.find import by_split
from striate.errors import DataError, parameter
from striate.support import paths, settings
from striate.support.packages import need
from striate.support.text import printable

PREFIX = "hf:"
_ENDINGS = (".parquet", ".pq")
_SAVED, _SEVERAL = "state.json", "dataset_dict.json"  # as `save_to_disk` writes them


def is_of_the_hub(data: str | Path) -> bool:
    """Whether `data` is ``hf:user/name``, a data set of Hugging Face's hub."""
    return isinstance(data, str) and data.startswith(PREFIX)


def holds_images(path: Path) -> bool:
    """Whether a Parquet file holds images themselves."""
    if path.suffix.lower() not in _ENDINGS or not paths.is_file(path, kind=DataError):
        return False
    return RowFile(path).columns is not None


def tables_in(root: Path) -> dict[str, list[Path]]:
    """The tables with images of a folder by their splits; none in a folder of anything else."""
    folders, files = names_in(root)
    if _SEVERAL in files:
        saved = [name for name in folders if _SAVED in names_in(root / name)[1]]
        return _together((name, _saved(root / name)) for name in saved)
    if _SAVED in files:
        return {"": _saved(root)}
    place = root
    if folders == ["data"] and not _tables(root, files):  # as the Hub has them
        place = root / "data"
        files = names_in(place)[1]
    elif folders:
        return {}
    found = _tables(place, files)
    return by_split(found) if found and holds_images(found[0]) else {}


def _tables(folder: Path, names: Sequence[str]) -> list[Path]:
    return [folder / name for name in names if name.lower().endswith(_ENDINGS)]


def _together(parts: Iterable[tuple[str, list[Path]]]) -> dict[str, list[Path]]:
    """The tables of each split; several parts may be one, such as ``test`` and ``test_small``."""
    found: dict[str, list[Path]] = {}
    for name, tables in parts:
        found.setdefault(_split(name) if name else "", []).extend(tables)
    return found


def _split(name: str) -> str:
    reading = read_split_name(name)
    return reading.kind if reading else name


def _saved(folder: Path) -> list[Path]:
    """The Arrow files of a data set that `save_to_disk` wrote, none of which leads elsewhere."""
    with suppress(LookupError, ValueError, TypeError, FileNotFoundError, RecursionError):
        about = json.loads(paths.read_file(folder / _SAVED, kind=DataError))
        names = [Path(str(each["filename"])).name for each in about["_data_files"]]
        if about.get("_indices_files") or not names:
            raise LookupError
        return [folder / name for name in names]
    why = "is no data set that can be read as it was saved"
    raise DataError(paths.shown(folder / _SAVED), why, "save it again, after flatten_indices()")


def fetched(data: str, download: bool = True) -> dict[str, list[Path]]:
    """The Arrow files of ``hf:user/name`` or ``hf:user/name:configuration``, by split.

    `datasets` fetches what it has not, into its own cache, and runs nothing that is fetched.

    Args:
        data: that.
        download: fetch what is not in that cache.

    Raises:
        DataError: `datasets` is not installed, or the data set is not there or not reachable.
    """
    library: Any = need("datasets", purpose=f"open {data}", extra="hf", kind=DataError)
    name, _, configuration = data.removeprefix(PREFIX).partition(":")
    if not name.strip("/"):
        raise DataError(data, "names no data set", "write hf:user/name")
    try:
        with nullcontext() if download else settings.offline_hub.changed():
            found = library.load_dataset(name, configuration or None)
    except Exception as error:  # of many libraries, and of the network
        why = f"cannot be opened ({_first_line(error)})"
        remedy = "check the name and the network; what was fetched before opens without one"
        if not download:
            remedy = f"check the name, or fetch it with {parameter('download', True)}"
        raise DataError(printable(data), why, remedy) from None
    parts = found if isinstance(found, dict) else {"": found}
    return _together(
        (str(split), [Path(each["filename"]) for each in part.cache_files])
        for split, part in parts.items()
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return printable(f"{type(error).__name__}: {text[0][:300]}" if text else type(error).__name__)
