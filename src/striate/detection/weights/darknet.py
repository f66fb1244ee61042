"""Darknet's ``.weights``: a header, then float32 values, convolution by convolution.

The header is ``int32 major, minor, revision`` and how many images training has seen, in 8 bytes
since version 0.2 and in 4 before. Of each convolution with batch normalisation follow beta, gamma,
running mean, running variance and the kernel (outputs, inputs, height, width); of one without, bias
and kernel. Nothing in a file says which network it is of: its size does, and the number of classes
with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.detection.weights.order import Convolution, Norm, shapes
from striate.errors import WeightsError
from striate.support.files import write_atomically
from striate.support.paths import read_file, shown
from striate.zoo.create import DETECTORS
from striate.zoo.weightless import weightless
from striate.zoo.yolov4 import Detector

#: No header has larger numbers; text and other formats do.
_LARGEST = 1000
#: More are those of no detector, and would make sizes ambiguous.
MOST_CLASSES = 2000

# Networks whose files are told by their size but which are not here: values without the heads, and
# for each number that an anchor has, three anchors a head.
_ELSEWHERE = {
    "yolov4-tiny-3l": (6_104_800, 899),
    "yolov4-csp": (52_528_480, 1795),
    "yolov4x-mish": (99_275_072, 2243),
}
#: What the authors published as a start for training: the first layers of a network.
_STARTS = {
    170_038_676: ("yolov4", "yolov4.conv.137", "the first 137 of 162 layers"),
    19_789_716: ("yolov4_tiny", "yolov4-tiny.conv.29", "the first 29 of 38 layers"),
}


@dataclass(frozen=True)
class Header:
    """What stands before the values.

    Attributes:
        version: major, minor, revision.
        seen: images that training has seen.
        size: bytes that it takes.
    """

    version: tuple[int, int, int] = (0, 2, 5)
    seen: int = 0

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        major, minor, _ = self.version
        return 20 if 10 * major + minor >= 2 else 16

    def __bytes__(self) -> bytes:
        numbers = np.array(self.version, "<i4").tobytes()
        return numbers + self.seen.to_bytes(self.size - 12, "little")


@dataclass(frozen=True)
class Kind:
    """What a file's size says."""

    network: str
    classes: int


def header_of(head: bytes) -> Header | None:
    """What a file begins with, by its first bytes; None where it is not Darknet's."""
    if len(head) < 16:
        return None
    major, minor, revision = (int(each) for each in np.frombuffer(head[:12], "<i4"))
    if not all(0 <= each < _LARGEST for each in (major, minor, revision)):
        return None
    header = Header((major, minor, revision))
    return Header(header.version, int.from_bytes(head[12 : header.size], "little"))


@cache
def sizes(name: str) -> tuple[int, int]:
    """Values of the network called `name` without its heads, and for each output of a head."""
    with weightless():
        network = DETECTORS[name](classes=80)
    fixed = varying = 0
    for place, (outputs, *rest) in shapes(network):
        if place.norm:
            fixed += outputs * (4 + math.prod(rest))
        else:
            varying += 1 + math.prod(rest)
    return fixed, varying


def values_of(kind: Kind) -> int:
    """Float32 values in a file of that kind."""
    fixed, varying = sizes(kind.network)
    return fixed + 3 * (5 + kind.classes) * varying


def kind_of(values: int) -> Kind | None:
    """The network of ours, or of others, that has so many values with some number of classes."""
    known = {name: sizes(name) for name in DETECTORS} | _ELSEWHERE
    found = []
    for name, (fixed, varying) in known.items():
        outputs, rest = divmod(values - fixed, 3 * varying)
        if not rest and 0 < outputs - 5 <= MOST_CLASSES:
            found.append(Kind(name, outputs - 5))
    return min(found, key=lambda kind: kind.classes, default=None)


def read_darknet(file: Path, expected: str = "") -> tuple[Kind, list[Convolution]]:
    """What network a Darknet file is of, and its convolutions.

    Args:
        file: resolved; a Darknet file by its header.
        expected: the network that it should be of; "" for any.

    Raises:
        WeightsError: it is cut off, longer than a network, a start for training, of a network that
            is not here, or no weights but something that begins like them.
    """
    content = read_file(file, kind=WeightsError)
    header = header_of(content)
    assert header is not None
    if len(content) in _STARTS:
        name, called, what = _STARTS[len(content)]
        raise WeightsError(
            shown(file),
            f"holds {what} of {name} ({called}), a start for training and no detector",
            "give the weights of the whole network",
        )
    whole = (len(content) - header.size) // 4 * 4
    values = np.frombuffer(content, "<f4", whole // 4, header.size)
    kind = kind_of(len(values)) if whole == len(content) - header.size else None
    if kind is None:
        raise _no_network(file, values, len(content), header)
    if kind.network not in DETECTORS:
        raise WeightsError(
            shown(file),
            f"has the size of {kind.network} with {_classes(kind.classes)}, which is not here",
            f"give weights of {' or '.join(DETECTORS)}",
        )
    if expected and kind.network != expected:
        raise WeightsError(
            shown(file),
            f"holds {kind.network} with {_classes(kind.classes)}, not {expected}",
            f"leave the network out, or give weights of {expected}",
        )
    with weightless():
        network = DETECTORS[kind.network](classes=kind.classes)
    convolutions = convolutions_in(values, network)
    refuse_unsound(file, convolutions)
    return kind, convolutions


def convolutions_in(values: NDArray[np.float32], network: Detector) -> list[Convolution]:
    """`values`, all that a file has for `network`, which may be without values itself."""
    rest = torch.from_numpy(values.astype(np.float32))  # a copy, which can be written to
    found, at = [], 0

    def take(*shape: int) -> Tensor:
        nonlocal at
        count = math.prod(shape)
        at += count
        return rest[at - count : at].view(shape)

    for place, shape in shapes(network):
        if place.norm:
            norm = Norm(*(take(shape[0]) for _ in range(4)))
            found.append(Convolution(take(*shape), norm=norm))
        else:
            bias = take(shape[0])
            found.append(Convolution(take(*shape), bias=bias))
    return found


def write_darknet(path: Path, convolutions: Sequence[Convolution], header: Header) -> None:
    """Write a Darknet file, whole or not at all.

    Raises:
        WriteError: it cannot be written.
    """
    parts = [bytes(header)]
    for each in convolutions:
        norm = each.norm
        before = [each.bias] if norm is None else [norm.beta, norm.gamma, norm.mean, norm.variance]
        tensors = [*before, each.kernel]
        parts += [
            value.detach().numpy().astype("<f4").tobytes() for value in tensors if value is not None
        ]
    write_atomically(path, b"".join(parts))


def refuse_unsound(file: Path, convolutions: Sequence[Convolution]) -> None:
    """Raise for numbers that no network computes with.

    Raises:
        WeightsError: values that are not finite, or variances that are not positive.
    """
    for at, each in enumerate(convolutions, start=1):
        norm = each.norm
        tensors = [each.kernel, each.bias]
        tensors += [] if norm is None else [norm.beta, norm.gamma, norm.mean]
        if not all(bool(torch.isfinite(value).all()) for value in tensors if value is not None):
            why = f"holds values that are not finite, in convolution {at} of {len(convolutions)}"
            raise WeightsError(shown(file), why, "it is damaged: download it again")
        if norm is not None and not _is_variance(norm.variance):
            why = f"holds variances below zero, in convolution {at} of {len(convolutions)}"
            remedy = "it is damaged, or of another network"
            raise WeightsError(shown(file), why, remedy)


def _is_variance(values: Tensor | NDArray[np.float32]) -> bool:
    found = np.asarray(values)
    return bool((np.isfinite(found) & (found >= 0)).all()) and bool((found > 0).any())


def _classes(count: int) -> str:
    return f"{count} class" if count == 1 else f"{count:,} classes"


def _no_network(file: Path, values: NDArray[np.float32], size: int, header: Header) -> WeightsError:
    """What a file is that begins like Darknet's and has the size of no network."""
    whole = {name: header.size + 4 * values_of(Kind(name, 80)) for name in DETECTORS}
    likely = [name for name in DETECTORS if _begins_as(name, values)]
    longer = [name for name in likely if whole[name] > size]
    if longer:
        name = min(longer, key=whole.__getitem__)
        why = (
            f"is cut off at {_megabytes(size)} of {_megabytes(whole[name])}, if it is of {name} "
            "with 80 classes"
        )
        return WeightsError(shown(file), why, "download it again")
    for name in likely:
        fixed, varying = sizes(name)
        outputs = (size - header.size - 4 * fixed) // (12 * varying)
        extra = size - header.size - 4 * values_of(Kind(name, outputs - 5))
        why = f"has {extra:,} bytes more than {name} with {_classes(outputs - 5)}"
        return WeightsError(shown(file), why, "it is damaged, or of a changed network")
    known = ", ".join(f"{_megabytes(each)} for {name}" for name, each in whole.items())
    return WeightsError(
        shown(file),
        f"has the {size:,} bytes of no network that is here ({known}, with 80 classes)",
        f"give weights of {' or '.join(DETECTORS)}",
    )


def _begins_as(name: str, values: NDArray[np.float32]) -> bool:
    """Whether what would be variances, were it of the network called `name`, could be."""
    with weightless():
        network = DETECTORS[name](classes=80)
    at = 0
    for place, (outputs, *rest) in shapes(network):
        if not place.norm:  # its length is that of the classes, which are not known
            break
        variance = values[at + 3 * outputs : at + 4 * outputs]
        if len(variance) < outputs:
            return at > 0
        if not _is_variance(variance):
            return False
        at += outputs * (4 + math.prod(rest))
    return True


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
