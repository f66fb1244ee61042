"""What a run's network gave for its held-out images, in a file: of classes and numbers alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import HASH, Digests
from striate.errors import RunError
from striate.runs.layout import PREDICTIONS
from striate.support import paths
from striate.support.files import write_atomically
from striate.support.noted_arrays import DAMAGED, array_file, arrays_in

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.runs.run import Run

_MOST_BYTES = 8 << 30  # two million images of a thousand classes

Arrays = Mapping[str, NDArray[Any]]
Kept = TypeVar("Kept", bound="KeptImages")


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptImages:
    """The held-out images that a network answered.

    Attributes:
        names: what each image is called, relative to where the images were.
        digests: the content hash of each, hexadecimal.
        split: which part of the images this is: ``"val"``, ``"test"`` or ``"split"`` (taken from
            the training images).
        epoch: after which the weights were taken that gave the answers.
        weights: digest of these.
    """

    names: Sequence[str]
    digests: Sequence[str]
    split: str
    epoch: int
    weights: str


def keep_answers(run: Run, images: ImageSet, answers: Arrays, *, split: str) -> None:
    """Write down what the network of `run` gave for `images`.

    Args:
        run: a run, trained, whose folder the caller holds.
        images: its held-out ones.
        answers: arrays of a row an image.
        split: which part they are, as in `KeptImages`.

    Raises:
        WriteError: the file cannot be written.
    """
    # As an array: the head of such a file, where safetensors has texts, may not be long.
    names = json.dumps(list(images.names)).encode()
    about = {**asdict(run.stamp), "split": split}
    arrays: dict[str, NDArray[Any]] = {
        **answers,
        "digests": Digests.of(images.digests).rows,
        "names": np.frombuffer(names, np.uint8),
    }
    write_atomically(run.path / PREDICTIONS, array_file(arrays, about))


def read_answers(run: Run, made: Callable[[dict[str, Any], Arrays], Kept]) -> Kept | None:
    """What `keep_answers` kept in `run`; None for a run that has nothing of the kind.

    Args:
        run: of which it must be.
        made: makes the whole of the fields of `KeptImages` and the arrays; raises ValueError or
            LookupError where the parts do not belong together.

    Raises:
        RunError: it cannot be read, is damaged, or is that of another run.
    """
    path = run.path / PREDICTIONS
    where, remedy = paths.shown(path), f"make it anew: striate evaluate {paths.shown(run.path)}"
    try:
        content = paths.read_file(path, most=_MOST_BYTES, kind=RunError)
    except FileNotFoundError:
        return None
    try:
        arrays, about = arrays_in(content)
        names = tuple(map(str, json.loads(arrays["names"].tobytes())))
        digests = Digests(arrays["digests"].reshape(-1, HASH))
        if not names or len(digests) != len(names):
            raise ValueError("names")
        fields = {
            "names": names,
            "digests": digests,
            "split": str(about["split"]),
            "epoch": int(about["epoch"]),
            "weights": str(about["digest"]),
        }
        found = made(fields, arrays)
        identity = about["identity"]
    except DAMAGED as error:
        raise RunError(where, f"is damaged ({error})", remedy) from error
    if identity != run.config.identity:
        raise RunError(where, "is that of another run", remedy)
    return found
