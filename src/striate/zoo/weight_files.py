"""Reading weights from a file that somebody else wrote, and fitting them to a network.

Works for any `nn.Module`. Nothing in a file is ever run: safetensors, or what `torch.load` reads
with ``weights_only=True``.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from striate.errors import WeightsError

# Under what names training scripts keep the weights among other things.
_NESTS = ("state_dict", "model_state_dict", "model", "network", "weights")
_SHOWN = 3

# How web pages begin, in lower case.
_PAGES = (b"<!doctype", b"<!--", b"<html", b"<?xml", b"<head")

# What a file that `torch.save` wrote before PyTorch 1.6 begins with, after the pickle's protocol.
_TORCH = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What became of the weights in a file.

    Parameters
    ----------
    taken: how many of the network's tensors come from the file.
    left: names of those that keep their initial values, for want of equal ones.
    classifier: those of them that tell another number of classes apart.
    ignored: names of tensors in the file that the network has no use for.
    classes: how many classes the file's classifier tells apart; None if the network has another
        number nowhere, so that nothing tells.
    """

    taken: int
    left: tuple[str, ...]
    classifier: tuple[str, ...]
    ignored: tuple[str, ...]
    classes: int | None

    @property
    def note(self) -> str:
        """What a person should know, or an empty string."""
        parts = []
        if self.classifier:
            parts.append(
                f"{self.taken} tensors are taken; the classifier ({_layers(self.classifier)}) "
                f"starts anew, since the weights are for {self.classes} classes"
            )
        if heads := [name for name in self.left if name not in self.classifier]:
            parts.append(f"not in the weights and starting anew: {_layers(heads, top=True)}")
        if self.ignored:
            parts.append(f"not used: {_layers(self.ignored, top=True)}")
        return "; ".join(parts)


def _layers(names: Iterable[str], *, top: bool = False) -> str:
    """The layers, or the parts of the network, that tensors belong to."""
    return ", ".join(
        dict.fromkeys(name.partition(".")[0] if top else name.rpartition(".")[0] for name in names)
    )


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The tensors by name that the safetensors or PyTorch file at `path` holds, on the CPU.

    Weights that a training script kept among other things (``state_dict``, ``model`` …) or under
    the prefix ``module.`` are found.

    Raises
    ------
    WeightsError: there is no such file; it is empty, cut short, a web page, a git-lfs pointer, a
        run's resume state, a program, or no weights at all; a number in it is not finite.
    """
    file = Path(path).expanduser().resolve()
    try:
        size = file.stat().st_size
        with file.open("rb") as handle:
            head = handle.read(512)
    except IsADirectoryError:
        inside = file / "model.safetensors"
        raise WeightsError(
            str(file),
            "is a folder, not a weights file",
            f"give {inside}" if inside.is_file() else "name the file",
        ) from None
    except FileNotFoundError:
        raise WeightsError(
            str(file), "there is no such file", near(file) or "check the path"
        ) from None
    except OSError as error:
        raise WeightsError(
            str(file), f"cannot be read ({error.strerror})", "check the path"
        ) from None
    _refuse_known(file, head)
    if head[8:9] == b"{" and not head.startswith(b"PK"):
        return _tensors(file, _read_safetensors(file, size))
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _tensors(file, _read_torch(file))
    raise WeightsError(
        str(file),
        "is neither safetensors nor a PyTorch file",
        "give weights that end in .safetensors, .pth or .pt",
    )


def near(file: Path) -> str:
    """``did you mean PATH?`` for what lies where `file`, or its folder, is missing; or nothing."""
    while file != file.parent and not file.parent.is_dir():
        file = file.parent
    with contextlib.suppress(OSError):
        others = [other.name for other in file.parent.iterdir()]
        for name in difflib.get_close_matches(file.name, others, n=1, cutoff=0.75):
            return f"did you mean {file.parent / name}?"
    return ""


def _refuse_known(file: Path, head: bytes) -> None:
    """Raise for what is often found in the place of weights."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    cases = (
        (not head, "is empty", "download it again"),
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
            raise WeightsError(str(file), why, remedy)


def _read_safetensors(file: Path, size: int) -> Any:
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        wanted = _safetensors_size(file)
        if wanted > size:
            raise _cut_short(file, f"{size:,} of {wanted:,} bytes") from None
        raise WeightsError(str(file), f"is damaged ({_line(error)})", "download it again") from None


def _safetensors_size(file: Path) -> int:
    """How many bytes a safetensors file has by its own account; 0 if it does not say."""
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if length > file.stat().st_size - 8:
            return length + 8
        try:
            header = json.loads(handle.read(length))
            ends = [entry["data_offsets"][1] for key, entry in header.items() if key[:2] != "__"]
            return 8 + length + max(ends, default=0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return 0


def _read_torch(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # The message names what was refused: "Unsupported global: GLOBAL os.system was not …".
        text = str(error)
        thing = text.partition("GLOBAL ")[2].split(" ")[0]
        if thing:
            raise WeightsError(
                str(file),
                f"holds Python code or objects ({thing}), which are never run",
                "give a file of tensors alone: a state_dict, or safetensors",
            ) from None
        raise WeightsError(str(file), f"is damaged ({_line(error)})", "download it again") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        text = str(error)
        if "TorchScript" in text or "torch.jit" in text:
            raise WeightsError(
                str(file), "is a TorchScript program, not weights", "save its state_dict"
            ) from None
        if isinstance(error, EOFError) or "central directory" in text or "unexpected EOF" in text:
            raise _cut_short(file, f"{file.stat().st_size:,} bytes") from None
        raise WeightsError(str(file), f"is damaged ({_line(error)})", "download it again") from None


def _cut_short(file: Path, how: str) -> WeightsError:
    return WeightsError(str(file), f"is cut short ({how})", "download it again")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _tensors(file: Path, content: Any) -> dict[str, Tensor]:
    """The tensors in `content`, which a file gave."""
    while isinstance(content, Mapping) and not any(isinstance(v, Tensor) for v in content.values()):
        inner = next((content[n] for n in _NESTS if isinstance(content.get(n), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise WeightsError(
            str(file), f"holds a {type(content).__name__}, no tensors by name", "give a state_dict"
        )
    found = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not found:
        raise WeightsError(str(file), "holds no tensors by name", "give a state_dict")
    if broken := [n for n, v in found.items() if v.is_floating_point() and not v.isfinite().all()]:
        raise WeightsError(
            str(file), f"holds numbers that are not finite ({_few(broken)})", "use other weights"
        )
    if all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): value for name, value in found.items()}
    return found


def classes_in(state: Mapping[str, Tensor], network: nn.Module) -> int | None:
    """How many classes `state` tells apart, if `network` fits it but for its number of classes.

    None where all shapes are equal, where names are missing, or where shapes differ otherwise.
    """
    own = network.state_dict()
    pairs = [(tuple(state[n].shape), tuple(v.shape)) for n, v in own.items() if n in state]
    different = [(theirs, ours) for theirs, ours in pairs if theirs != ours]
    rows = {(theirs[:1], ours[:1]) for theirs, ours in different}
    if len(rows) != 1 or any(theirs[1:] != ours[1:] for theirs, ours in different):
        return None
    theirs, _ = rows.pop()
    return int(theirs[0]) if theirs else None


def fit(
    state: Mapping[str, Tensor],
    network: nn.Module,
    classes: int | None = None,
    *,
    what: str = "the weights",
    remedy: str = "",
    heads: str = "",
) -> Fitted:
    """Copy `state` into `network`, all but a classifier for another number of classes.

    Parameters
    ----------
    state: tensors under the network's own names, of any floating-point type.
    network: any module, on a real device.
    classes: how many the network tells apart. If the only shapes that differ are those whose first
        axis has this length here, and one and the same other length in `state`, they belong to the
        classifier (and auxiliary classifiers), which keeps its initial values. None: never.
    what, remedy: the file and what to do, for the error.
    heads: pattern of names that either side may lack: auxiliary heads.

    Raises
    ------
    WeightsError: names are missing or unexpected, or shapes differ; nothing has been changed.
    """
    own = network.state_dict()
    auxiliary = re.compile(heads or r"(?!)")
    absent = [name for name in own if name not in state]
    # Files from before PyTorch 0.4.1 do not count batches, and nothing here reads the count.
    counters = {name for name in absent if name.endswith("num_batches_tracked")}
    missing = [name for name in absent if name not in counters and not auxiliary.match(name)]
    ignored = [name for name in state if name not in own]
    unexpected = [name for name in ignored if not auxiliary.match(name)]
    shapes = {
        name: (tuple(state[name].shape), tuple(value.shape))
        for name, value in own.items()
        if name in state and state[name].shape != value.shape
    }
    published = classes_in(state, network)
    rows = {ours[:1] for _, ours in shapes.values()}
    classifier = tuple(shapes) if published is not None and rows == {(classes,)} else ()
    kinds = [f"{n} {theirs} for {ours}" for n, (theirs, ours) in shapes.items()]
    wrong = [] if classifier else kinds
    if missing or unexpected or wrong:
        parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
        counted = [f"{len(names)} {kind} ({_few(names)})" for kind, names in parts if names]
        raise WeightsError(what, f"are of another network: {', '.join(counted)}", remedy)
    taken = [name for name in own if name in state and name not in classifier]
    with torch.no_grad():
        for name in taken:
            own[name].copy_(state[name])
    return Fitted(
        taken=len(taken),
        left=tuple(n for n in own if n in classifier or (n in absent and n not in counters)),
        classifier=classifier,
        ignored=tuple(ignored),
        classes=published if classifier else classes,
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
