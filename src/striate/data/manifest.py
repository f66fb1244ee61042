"""Which images a run was made with, recognised by their content: neither names nor places count.

A run keeps the content hash and the class of each of its images (``images.safetensors``). So it can
be asked of any image whether the network was trained on it, and images that were renamed, moved
about or joined by others are found again, in the order that they had.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from striate.errors import RunError

if TYPE_CHECKING:
    from striate.data.images import ImageSet

_BY_CONTENT = "content:"
_HASH = 16  # bytes; see `striate.data.scan.digest_of`


@dataclass(frozen=True, kw_only=True, eq=False)
class Manifest:
    """The images of a run.

    Attributes:
        classes: names of the classes, in the order of the labels.
        digests: by split, the content hash of each image in its order, hexadecimal.
        labels: by split, the class of each image, int64 (n,).
        held_out: as in `striate.data.sources.Data`.
        fingerprint: what ``run.toml`` calls these images.
    """

    classes: tuple[str, ...]
    digests: Mapping[str, Sequence[str]]
    labels: Mapping[str, NDArray[np.int64]]
    held_out: str
    fingerprint: str

    @classmethod
    def of(
        cls,
        splits: Mapping[str, ImageSet],
        *,
        classes: tuple[str, ...],
        held_out: str,
        fingerprint: str,
    ) -> Manifest:
        """What is to be kept of `splits`."""
        return cls(
            classes=classes,
            digests={split: list(images.digests) for split, images in splits.items()},
            labels={split: images.labels for split, images in splits.items()},
            held_out=held_out,
            fingerprint=fingerprint,
        )

    def trained_on(self, digests: Sequence[str]) -> NDArray[np.bool_]:
        """Which images, by their content hashes, the network was trained on: bool (n,)."""
        known = set(self.digests["train"])
        return np.array([digest in known for digest in digests], np.bool_)

    def lists_the_same_as(self, other: Manifest) -> bool:
        """Whether both list the same images, of the same classes, in the same order."""
        return (
            self.classes == other.classes
            and dict(self.digests) == dict(other.digests)
            and all((labels == other.labels[split]).all() for split, labels in self.labels.items())
        )

    def to_bytes(self) -> bytes:
        """The file: a few bytes more than 20 an image."""
        arrays: dict[str, NDArray[Any]] = {}
        for split, digests in self.digests.items():
            joined = bytes.fromhex("".join(digests))
            arrays[f"{split}.digests"] = np.frombuffer(joined, np.uint8).reshape(-1, _HASH)
            arrays[f"{split}.labels"] = self.labels[split].astype(np.int32)
        about = {
            "classes": self.classes,
            "fingerprint": self.fingerprint,
            "held_out": self.held_out,
        }
        # One value, since safetensors writes several in no fixed order.
        return save(arrays, metadata={"striate": json.dumps(about, sort_keys=True)})

    @classmethod
    def from_bytes(cls, content: bytes, what: str, fingerprint: str) -> Manifest:
        """The opposite of `to_bytes`.

        Args:
            content: of the file.
            what: how errors call it.
            fingerprint: of the images that it must be of.

        Raises:
            RunError: it is damaged, or that of other images.
        """
        remedy = "restore it from a copy of the run, or delete it: the images are read instead"
        try:
            arrays = load(content)
            size = int.from_bytes(content[:8], "little")
            about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["striate"])
            found = cls(
                classes=tuple(str(name) for name in about["classes"]),
                digests={
                    name.removesuffix(".digests"): [row.tobytes().hex() for row in array]
                    for name, array in arrays.items()
                    if name.endswith(".digests")
                },
                labels={
                    name.removesuffix(".labels"): array.astype(np.int64)
                    for name, array in arrays.items()
                    if name.endswith(".labels")
                },
                held_out=str(about["held_out"]),
                fingerprint=str(about["fingerprint"]),
            )
            found._check()
        except (SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise RunError(what, "is damaged", remedy) from error
        if found.fingerprint != fingerprint:
            raise RunError(what, "is that of other images than run.toml's", remedy)
        return found

    def _check(self) -> None:
        """ValueError where the parts do not belong together."""
        if not {"train", "val"} <= self.digests.keys() or self.digests.keys() != self.labels.keys():
            raise ValueError("splits")
        for split, labels in self.labels.items():
            if labels.shape != (len(self.digests[split]),):
                raise ValueError("labels")
            if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
                raise ValueError("classes")
        if self.fingerprint.startswith(_BY_CONTENT):
            own = fingerprint_of(self.classes, self.digests, self.labels)
            if own != self.fingerprint:
                raise ValueError("fingerprint")


def fingerprint_of(
    classes: Sequence[str],
    digests: Mapping[str, Sequence[str]],
    labels: Mapping[str, NDArray[np.int64]],
) -> str:
    """One hash of the split, class and content of every image, in any order and by any name."""
    lines = sorted(
        f"{split}\0{classes[label]}\0{digest}\n"
        for split in digests
        for label, digest in zip(labels[split].tolist(), digests[split], strict=True)
    )
    return _BY_CONTENT + sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def is_of_names(fingerprint: str) -> bool:
    """Whether `fingerprint` is one of the first kind, in which the files' names counted."""
    return not fingerprint.startswith(_BY_CONTENT)


def fingerprint_with_names(splits: Mapping[str, ImageSet]) -> str:
    """The fingerprint of runs from before `fingerprint_of`: over the files' names as well."""
    lines = sorted(
        f"{split}\0{images.classes[label]}\0{name}\0{digest}\n"
        for split, images in splits.items()
        for label, name, digest in zip(
            images.labels.tolist(), images.names, images.digests, strict=True
        )
    )
    return sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
