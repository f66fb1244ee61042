"""Which kind of weights a file is, by its content alone, and what it holds.

Endings say nothing: a ``.weights`` may be a page of Google Drive's, a ``.pth`` Darknet's. What a
file is instead of weights is named, in one sentence, with what to do about it.
"""

from __future__ import annotations

import difflib
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from striate.detection.weights.darknet import Kind, header_of, read_darknet, refuse_unsound
from striate.detection.weights.layouts import (
    DARKNET,
    STRIATE,
    Dialect,
    convolutions_in_order,
    dialect_of,
)
from striate.detection.weights.order import Convolution, put_into, shapes, taken_from
from striate.errors import WeightsError
from striate.hub.state_dicts import read_state_dict
from striate.support.paths import is_folder, read_start, resolved, shown
from striate.support.text import printable
from striate.zoo.create import DETECTORS, canonical
from striate.zoo.weightless import weightless
from striate.zoo.yolov4 import Detector

#: The files that the authors published, by their SHA-1.
PUBLISHED = {
    "0143deb6c46fcc7f74dd35bf3c14edc3784e99ee": "yolov4.weights",
    "451caaab22fb9831aa1a5ee9b5ba74a35ffa5dcb": "yolov4-tiny.weights",
}
_PUBLISHED_SIZES = (257_717_640, 24_251_276)
#: What browsers call a file that is not whole yet.
_UNFINISHED = (".crdownload", ".part", ".download", ".opdownload")


@dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
        file: resolved.
        kind: its network and the number of classes.
        convolutions: in Darknet's order.
        dialect: whose they are.
        published: what the authors call the file, if it is one that they published.
    """

    file: Path
    kind: Kind
    convolutions: Sequence[Convolution]
    dialect: Dialect
    published: str = ""


def open_weights(path: str | Path, expected: str = "") -> Weights:
    """Read a file of weights, whatever wrote it.

    Args:
        path: where it is.
        expected: the network that it should be of; "" for any that is here.

    Raises:
        WeightsError: there is no such file, or it is something else: what it is, and what to do.
    """
    file = resolved(path, kind=WeightsError)
    if is_folder(file, kind=WeightsError):
        raise WeightsError(shown(file), "is a folder, not a file of weights", "name the file in it")
    try:
        head, size = read_start(file, 512, kind=WeightsError)
    except FileNotFoundError:
        raise _missing(file) from None
    refuse_known(file, head)
    if header_of(head) is not None:
        kind, convolutions = read_darknet(file, expected)
        return Weights(file, kind, convolutions, DARKNET, _published(file, size))
    chosen = read_state_dict(file)
    dialect = dialect_of(chosen.state)
    if dialect is None:
        raise _another(file, chosen.state)
    if dialect is STRIATE:
        kind, convolutions = _ours(file, chosen.state)
    else:
        if head[8:9] == b"{":
            raise WeightsError(
                shown(file),
                f"holds tensors of {dialect.name} without their order, which safetensors does not "
                "keep",
                "give the file that PyTorch wrote (.pth or .pt)",
            )
        kind, convolutions = _theirs(file, convolutions_in_order(chosen.state), dialect)
    if expected and kind.network != expected:
        raise WeightsError(
            shown(file), f"holds {kind.network}, not {expected}", "leave the network out"
        )
    refuse_unsound(file, convolutions)
    return Weights(file, kind, convolutions, dialect)


def network_of(weights: Weights, **variant: str) -> Detector:
    """The network that `weights` are of, with them in it, in evaluation mode."""
    with weightless():
        network = DETECTORS[weights.kind.network](classes=weights.kind.classes, **variant)
    put_into(network, weights.convolutions)
    return network.eval()


def detector_with(
    name: str,
    weights: str | Path,
    classes: int | None,
    in_channels: int | None,
    variant: Mapping[str, Any],
) -> Detector:
    """The catalogue's detector called `name`, with the weights in a file.

    Raises:
        WeightsError: as `open_weights`; or they are for other classes or channels.
        NetworkError: the network has no such variant.
    """
    options = canonical(name, variant)
    found = open_weights(weights, name)
    for what, own, asked in (
        ("classes", found.kind.classes, classes),
        ("channels", 3, in_channels),
    ):
        if asked not in (None, own):
            why = f"holds {own} {what}, not {asked}"
            raise WeightsError(shown(found.file), why, f"leave the number of {what} out")
    return network_of(found, **options)


def refuse_known(file: Path, head: bytes) -> None:
    """Raise for what is found in the place of weights, and is no state dict either.

    Raises:
        WeightsError: it says what the file is.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    lowered = start.lower()
    cases = (
        (
            lowered.startswith((b"<!doctype", b"<!--", b"<html", b"<?xml", b"<head")),
            "is a web page, as Google Drive gives instead of a large file",
            "open the link in a browser, and download the file itself",
        ),
        (
            head.startswith(b"\x89HDF\r\n\x1a\n"),
            "is an HDF5 file, as Keras writes its weights (.h5)",
            "give Darknet's .weights, or a PyTorch file",
        ),
        (
            lowered.startswith((b"[net]", b"[network]")),
            "is a Darknet configuration (.cfg), not weights",
            "give the .weights file; the configuration is needed only for changed anchors",
        ),
        (
            b"onnx" in lowered[:256] or (head.startswith(b"\x08") and b"\x12" in head[2:4]),
            "is an ONNX file, not weights",
            "give Darknet's .weights or a PyTorch file",
        ),
        (
            head.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")),
            "is an archive",
            "unpack it first",
        ),
        (
            head.startswith(b"PK") and not _is_torch_zip(file),
            "is a zip archive of something else",
            "unpack it, and give the weights in it",
        ),
    )
    for condition, why, remedy in cases:
        if condition:
            raise WeightsError(shown(file), why, remedy)


def _is_torch_zip(file: Path) -> bool:
    """Whether a zip holds what `torch.save` writes, or is too damaged to tell."""
    try:
        with zipfile.ZipFile(file) as packed:
            return any(name.endswith("data.pkl") for name in packed.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return True


def _missing(file: Path) -> WeightsError:
    """Where a file was looked for, and what lies near."""
    try:
        here = f"the working folder is {shown(Path.cwd())}"
    except OSError:  # somebody removed it
        here = "the working folder is gone"
    folder = file.parent
    if not is_folder(folder, kind=WeightsError):
        why = f"there is no such file, nor the folder {shown(folder)}"
        return WeightsError(shown(file), why, f"check the path ({here})")
    near = _near(file)
    if near is None:
        return WeightsError(shown(file), "there is no such file", f"check the path ({here})")
    if near.suffix in _UNFINISHED:
        why = f"there is no such file, but a download that has not ended: {shown(near)}"
        return WeightsError(shown(file), why, "wait for it, or download it again")
    return WeightsError(
        shown(file), f"there is no such file ({here})", f"did you mean {shown(near)}?"
    )


def _near(file: Path) -> Path | None:
    """What lies beside and begins alike, ``yolov4 (1).weights`` and ``yolov4.weights.txt`` too."""
    try:
        names = sorted(each.name for each in file.parent.iterdir())
    except OSError:
        return None
    alike = [each for each in names if each.lower().startswith(file.stem.lower())]
    alike = alike or difflib.get_close_matches(file.name, names, n=1, cutoff=0.75)
    if not alike:
        return None
    return file.parent / max(
        alike, key=lambda each: difflib.SequenceMatcher(None, each, file.name).ratio()
    )


def _published(file: Path, size: int) -> str:
    if size not in _PUBLISHED_SIZES:
        return ""
    with file.open("rb") as handle:
        return PUBLISHED.get(hashlib.file_digest(handle, "sha1").hexdigest(), "")


def _ours(file: Path, state: Mapping[str, Tensor]) -> tuple[Kind, list[Convolution]]:
    """A state dict of this package's networks."""
    name = "yolov4" if any(key.startswith("backbone.") for key in state) else "yolov4_tiny"
    out = state.get("head5.out.weight")
    classes = _classes(out)
    if not classes:
        raise WeightsError(
            shown(file), f"holds no heads of {name}", "give the weights of a whole detector"
        )
    with weightless():
        network = DETECTORS[name](classes=classes)
    try:
        network.load_state_dict(dict(state), assign=True)
    except RuntimeError as error:
        first = next((line.strip() for line in str(error).splitlines()[1:]), str(error))
        raise WeightsError(
            shown(file), f"does not fit {name} ({printable(first[:160])})", "give its weights"
        ) from None
    return Kind(name, classes), taken_from(network)


def _theirs(
    file: Path, convolutions: list[Convolution], dialect: Dialect
) -> tuple[Kind, list[Convolution]]:
    """The convolutions of another repository's file, of which every shape is compared."""
    classes = _classes(convolutions[-1].kernel if convolutions else None)
    for name, make in DETECTORS.items():
        with weightless():
            wanted = shapes(make(classes=classes or 1))
        same = [
            tuple(each.kernel.shape) == shape and (each.norm is not None) == bool(place.norm)
            for each, (place, shape) in zip(convolutions, wanted, strict=False)
        ]
        if len(convolutions) == len(wanted) and all(same) and classes:
            return Kind(name, classes), convolutions
        if 2 < len(convolutions) < len(wanted) and all(same):
            raise WeightsError(
                shown(file),
                f"holds {len(convolutions)} of the {len(wanted)} convolutions of {name}, a start "
                "for training and no detector",
                "give the weights of the whole network",
            )
    raise WeightsError(
        shown(file),
        f"holds {len(convolutions)} convolutions, named as in {dialect.name}, but of other shapes",
        f"give weights of {' or '.join(DETECTORS)}",
    )


def _classes(kernel: Tensor | None) -> int:
    """How many classes a head's last kernel is for; 0 where it is for none."""
    if kernel is None or kernel.dim() != 4 or kernel.shape[0] % 3 or kernel.shape[2] != 1:
        return 0
    return max(kernel.shape[0] // 3 - 5, 0)


def _another(file: Path, state: Mapping[str, Tensor]) -> WeightsError:
    first = next(iter(state), "")
    return WeightsError(
        shown(file),
        f"holds the tensors of another network ({len(state):,}, the first of them "
        f"'{printable(first[:80])}')",
        f"give weights of {' or '.join(DETECTORS)}",
    )
