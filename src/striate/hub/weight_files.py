"""Reading what a weights file holds, whoever wrote it, and running nothing of it.

safetensors, or what `torch.load` reads with ``weights_only=True``. `state_dicts` finds a network's
tensors among what is read here.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from striate.errors import WeightsError
from striate.support.paths import exists, is_file, is_folder, read_start, reason, resolved, shown
from striate.support.text import printable

#: A file that names more tensors is none of a network of images; a header that is longer does.
MOST_TENSORS = 20_000
LONGEST_HEADER = 8 << 20
#: What a zipped file may become when it is unpacked, over its own size: weights do not shrink.
_MOST_UNPACKED = 4

# How web pages begin, in lower case.
_PAGES = (b"<!doctype", b"<!--", b"<html", b"<?xml", b"<head")

# What a file that `torch.save` wrote before PyTorch 1.6 begins with, after the pickle's protocol.
_TORCH = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")

_AGAIN = "download it again"


def read_content(path: str | Path) -> tuple[Path, Mapping[Any, Any]]:
    """The file that `path` is, resolved, and what it holds: tensors by name, perhaps among others.

    Raises:
        WeightsError: there is no such file; it is empty, cut short, a web page, a git-lfs pointer,
            a run's resume state, a program, no file at all (a pipe), or no weights.
    """
    file = resolved(path, kind=WeightsError)
    _refuse_folder(file)
    try:
        head, size = read_start(file, 512, kind=WeightsError)
    except FileNotFoundError:
        raise WeightsError(
            shown(file), "there is no such file", near(file) or "check the path"
        ) from None
    _refuse_known(file, head)
    if _is_safetensors(head):
        content = _read_safetensors(file, size)
    elif _is_torch(head):
        content = _read_torch(file, size)
    else:
        raise WeightsError(
            shown(file),
            "is neither safetensors nor a PyTorch file",
            "give weights that end in .safetensors, .pth or .pt",
        )
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        raise WeightsError(shown(file), f"holds a {kind}, no tensors by name", "give a state_dict")
    return file, content


def refuse_unsound(file: Path) -> None:
    """Raise for a file that is not whole or no weights, without reading its tensors.

    Raises:
        WeightsError: as for `read_content`.
    """
    head, size = read_start(file, 512, kind=WeightsError)
    _refuse_known(file, head)
    if _is_safetensors(head):
        _check_safetensors(file, size)
    elif head.startswith(b"PK"):
        _check_zip(file, size)
    elif not _is_torch(head):
        raise WeightsError(shown(file), "is neither safetensors nor a PyTorch file", _AGAIN)


def refuse_too_many(file: Path, count: int) -> None:
    """Raise where `count` tensors, to look at each of which takes its time, are too many."""
    if count > MOST_TENSORS:
        raise WeightsError(
            shown(file),
            f"holds about {count:,} tensors, more than any network of images has",
            "give the weights of one network",
        )


def near(file: Path) -> str:
    """``did you mean PATH?`` for what lies where `file`, or its folder, is missing; or nothing."""
    with contextlib.suppress(WeightsError, OSError):
        while file != file.parent and not is_folder(file.parent, kind=WeightsError):
            file = file.parent
        others = [other.name for other in file.parent.iterdir()]
        for name in difflib.get_close_matches(file.name, others, n=1, cutoff=0.75):
            return f"did you mean {shown(file.parent / name)}?"
    return ""


def _refuse_folder(file: Path) -> None:
    if not exists(file, kind=WeightsError) or not is_folder(file, kind=WeightsError):
        return
    inside = file / "model.safetensors"
    raise WeightsError(
        shown(file),
        "is a folder, not a weights file",
        f"give {shown(inside)}" if is_file(inside, kind=WeightsError) else "name the file",
    )


def _is_safetensors(head: bytes) -> bool:
    return head[8:9] == b"{" and not head.startswith(b"PK")


def _is_torch(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"\x80"))


def _refuse_known(file: Path, head: bytes) -> None:
    """Raise for what is often found in the place of weights."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    cases = (
        (not head, "is empty", _AGAIN),
        (start.startswith(_PAGES), "is a web page, not weights", "download the file itself"),
        (
            start.startswith(b"version https://git-lfs"),
            "is a git-lfs pointer, not the weights",
            "fetch the file itself with git lfs pull",
        ),
        (
            head.startswith(b"striate\n"),
            "is a run's resume state",
            "give the model.safetensors beside it",
        ),
        (
            head.startswith(b"\x80") and _TORCH not in head,
            "is a Python pickle, which may hold code and is never run",
            "save its tensors with torch.save, or as safetensors",
        ),
    )
    for condition, why, remedy in cases:
        if condition:
            raise WeightsError(shown(file), why, remedy)


# --- safetensors -------------------------------------------------------------------------------


def _read_safetensors(file: Path, size: int) -> Any:
    _check_safetensors(file, size)
    try:
        return load_file(file)
    except Exception as error:  # of another kind for each number type that PyTorch lacks
        raise _damaged(file, error) from None


def _check_safetensors(file: Path, size: int) -> None:
    """Raise unless the file has the bytes that its header speaks of."""
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if length > size - 8:
            raise _cut_short(file, f"{size:,} of {length + 8:,} bytes")
        if length > LONGEST_HEADER:
            refuse_too_many(file, length // 60)  # bytes that an entry takes at least
        header = handle.read(length)
    try:
        entries = json.loads(header)
        refuse_too_many(file, len(entries))
        ends = [entry["data_offsets"][1] for key, entry in entries.items() if key[:2] != "__"]
        wanted = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise _damaged(file, error) from None
    if wanted > size:
        raise _cut_short(file, f"{size:,} of {wanted:,} bytes")
    if wanted < size:
        raise WeightsError(
            shown(file), f"is damaged ({size - wanted:,} bytes follow its last tensor)", _AGAIN
        )


# --- torch.save --------------------------------------------------------------------------------


def _read_torch(file: Path, size: int) -> Any:
    with file.open("rb") as handle:
        zipped = handle.read(2) == b"PK"
    if zipped:
        _check_zip(file, size)
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # The message names what was refused: "Unsupported global: GLOBAL os.system was not …".
        text = str(error)
        thing = text.partition("GLOBAL ")[2].split(" ")[0]
        if thing:
            raise WeightsError(
                shown(file),
                f"holds Python code or objects ({printable(thing[:120])}), which are never run",
                "give a file of tensors alone: a state_dict, or safetensors",
            ) from None
        raise _damaged(file, error) from None
    except Exception as error:  # what the bytes of a stranger may raise has no list
        text = str(error)
        if "TorchScript" in text or "torch.jit" in text:
            raise WeightsError(
                shown(file), "is a TorchScript program, not weights", "save its state_dict"
            ) from None
        if isinstance(error, EOFError) or "unexpected EOF" in text:
            raise _cut_short(file, f"{size:,} bytes") from None
        raise _damaged(file, error) from None


def _check_zip(file: Path, size: int) -> None:
    """Raise for a zip that is cut, or unpacks to far more than it is."""
    try:
        with zipfile.ZipFile(file) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
    except zipfile.BadZipFile:
        raise _cut_short(file, f"{size:,} bytes") from None
    except (OSError, ValueError, NotImplementedError, struct.error) as error:
        raise _damaged(file, error) from None
    if unpacked > _MOST_UNPACKED * size:
        raise WeightsError(
            shown(file), f"unpacks to {unpacked:,} bytes from {size:,}", "save it with torch.save"
        )


def _cut_short(file: Path, how: str) -> WeightsError:
    return WeightsError(shown(file), f"is cut short ({how})", _AGAIN)


def _damaged(file: Path, error: Exception) -> WeightsError:
    why = str(error).partition("\n")[0] if isinstance(error, SafetensorError) else reason(error)
    return WeightsError(shown(file), f"is damaged ({printable(why[:120])})", _AGAIN)
