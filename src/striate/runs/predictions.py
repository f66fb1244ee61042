"""``predictions.safetensors``: what a run's network gave for each of its held-out images.

So that mistakes can be listed, thresholds chosen and probabilities calibrated wherever the run
is, without its images. They are kept as the network gave them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import HASH, Digests
from striate.errors import RunError
from striate.runs.calibration import with_temperature
from striate.runs.layout import PREDICTIONS
from striate.support import paths
from striate.support.files import write_atomically

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.runs.run import Run

_MOST_BYTES = 8 << 30  # two million images of a thousand classes
#: How far the sum of an image's probabilities, in float32, may be from 1.
_SUM = 1e-2


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a network gave for the held-out images of its run.

    Attributes:
        classes: names, in the order of the probabilities.
        names: what each image is called, relative to where the images were.
        digests: the content hash of each, hexadecimal.
        labels: the class of each, int64 (n,).
        probabilities: float32 (n, classes).
        split: which part of the images this is: ``"val"``, ``"test"`` or ``"split"`` (taken from
            the training images).
        epoch: after which the weights were taken that gave them.
        weights: digest of these.
    """

    classes: tuple[str, ...]
    names: Sequence[str]
    digests: Sequence[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    split: str
    epoch: int
    weights: str

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each image, (n,); of equals the first."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return found

    def at(self, temperature: float) -> Predictions:
        """The same with the probabilities that they have at a temperature."""
        return replace(self, probabilities=with_temperature(self.probabilities, temperature))


def keep_predictions(
    run: Run, images: ImageSet, probabilities: NDArray[np.float32], *, split: str
) -> None:
    """Write down what the network of `run` gave for `images`.

    Args:
        run: a run, trained, whose folder the caller holds.
        images: its held-out ones.
        probabilities: (images, classes).
        split: which part they are, as in `Predictions`.

    Raises:
        WriteError: the file cannot be written.
    """
    from safetensors.numpy import save

    # As an array: the head of such a file, where safetensors has texts, may not be long.
    names = json.dumps(list(images.names)).encode()
    about = {**asdict(run.stamp), "split": split}
    arrays: dict[str, NDArray[Any]] = {
        "probabilities": np.ascontiguousarray(probabilities, np.float32),
        "labels": images.labels.astype(np.int32),
        "digests": Digests.of(images.digests).rows,
        "names": np.frombuffer(names, np.uint8),
    }
    # One value, since safetensors writes several in no fixed order.
    note = {"striate": json.dumps(about, sort_keys=True)}
    write_atomically(run.path / PREDICTIONS, save(arrays, metadata=note))


def read_predictions(run: Run) -> Predictions | None:
    """What `keep_predictions` kept in `run`; None for a run that has nothing of the kind.

    Raises:
        RunError: it cannot be read, is damaged, or is that of another run.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = run.path / PREDICTIONS
    where, remedy = paths.shown(path), f"make it anew: striate evaluate {paths.shown(run.path)}"
    try:
        content = paths.read_file(path, most=_MOST_BYTES, kind=RunError)
    except FileNotFoundError:
        return None
    try:
        arrays = load(content)
        size = int.from_bytes(content[:8], "little")
        about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["striate"])
        names = json.loads(arrays["names"].tobytes())
        found = Predictions(
            classes=run.classes,
            names=tuple(map(str, names)),
            digests=Digests(arrays["digests"].reshape(-1, HASH)),
            labels=arrays["labels"].astype(np.int64),
            probabilities=arrays["probabilities"],
            split=str(about["split"]),
            epoch=int(about["epoch"]),
            weights=str(about["digest"]),
        )
        _check(found)
        identity = about["identity"]
    except (
        SafetensorError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise RunError(where, f"is damaged ({error})", remedy) from error
    if identity != run.config.identity:
        raise RunError(where, "is that of another run", remedy)
    return found


def _check(found: Predictions) -> None:
    """ValueError where the parts do not belong together."""
    images, classes = len(found.names), len(found.classes)
    shares = found.probabilities
    if not images or shares.shape != (images, classes) or shares.dtype != np.float32:
        raise ValueError("probabilities")
    if not (np.isfinite(shares).all() and np.abs(shares.sum(axis=1) - 1).max() < _SUM):
        raise ValueError("probabilities")
    if len(found.digests) != images or found.labels.shape != (images,):
        raise ValueError("labels")
    if not 0 <= found.labels.min() <= found.labels.max() < classes:
        raise ValueError("labels")
