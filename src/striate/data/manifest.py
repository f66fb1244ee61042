"""Which images a run was made with, recognised by their content: neither names nor places count.

A run keeps the content hash and the class of each of its images (``images.safetensors``). So it can
be asked of any image whether the network was trained on it, and images that were renamed, moved
about or joined by others are found again, in the order that they had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import HASH, Digests
from striate.data.records import ByContent
from striate.data.statistics import Statistics
from striate.data.targets import Target
from striate.errors import RunError
from striate.support.noted_arrays import DAMAGED, array_file, arrays_in

if TYPE_CHECKING:
    from striate.data.images import ImageSet

_BY_CONTENT = "content:"


@dataclass(frozen=True, kw_only=True, eq=False)
class Manifest:
    """The images of a run.

    Attributes:
        classes: names of the classes, in the order of the labels.
        digests: by split, the content hash of each image in its order, hexadecimal.
        labels: by split, the class of each image, int64 (n,).
        held_out: as in `striate.data.sources.Data`.
        fingerprint: what ``run.toml`` calls these images.
        sizes: by split, height and width of each image, (n, 2); of runs from before these were
            kept, nothing.
        grey: by split, whether each image has no colour; likewise.
        statistics: of the channels of the training images, once they were measured.
        targets: the numbers that the images are answered with; empty for classes.
        values: by split, those numbers, float64 (n, targets); empty for classes.
    """

    classes: tuple[str, ...]
    digests: Mapping[str, Sequence[str]]
    labels: Mapping[str, NDArray[np.int64]]
    held_out: str
    fingerprint: str
    sizes: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    grey: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    statistics: Statistics | None = None
    targets: tuple[Target, ...] = ()
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        splits: Mapping[str, ImageSet],
        *,
        classes: tuple[str, ...],
        held_out: str,
        fingerprint: str,
        statistics: Statistics | None = None,
    ) -> Manifest:
        """What is to be kept of `splits`."""
        return cls(
            classes=classes,
            digests={split: Digests.of(images.digests) for split, images in splits.items()},
            labels={split: images.labels for split, images in splits.items()},
            sizes={split: images.sizes for split, images in splits.items()},
            grey={split: images.grey for split, images in splits.items()},
            held_out=held_out,
            fingerprint=fingerprint,
            statistics=statistics,
            targets=splits["train"].targets,
            values={
                split: images.values
                for split, images in splits.items()
                if images.values is not None
            },
        )

    @property
    def own_fingerprint(self) -> str:
        """The fingerprint that these images have; see `fingerprint_of`."""
        if not self.targets:
            return fingerprint_of(self.classes, self.digests, self.labels)
        return fingerprint_of_numbers(self.targets, self.digests, self.values)

    def trained_on(self, digests: Sequence[str]) -> NDArray[np.bool_]:
        """Which images, by their content hashes, the network was trained on: bool (n,)."""
        known = Digests.of(self.digests["train"])
        return known.places_of(Digests.of(digests)) >= 0

    def by_content(self) -> ByContent | None:
        """Records of the images, by their content; None where their sizes are not known."""
        if self.sizes.keys() != self.digests.keys() or self.grey.keys() != self.digests.keys():
            return None
        return ByContent(
            Digests.joined(list(self.digests.values())),
            np.concatenate([self.sizes[split] for split in self.digests]),
            np.concatenate([self.grey[split] for split in self.digests]),
        )

    def lists_the_same_as(self, other: Manifest) -> bool:
        """Whether both list the same images, of the same answers, in the same order."""
        return (
            self.classes == other.classes
            and _names(self.targets) == _names(other.targets)
            and self.digests.keys() == other.digests.keys()
            and all(
                Digests.of(own) == Digests.of(other.digests[split])
                for split, own in self.digests.items()
            )
            and all((labels == other.labels[split]).all() for split, labels in self.labels.items())
            and all(np.array_equal(own, other.values[split]) for split, own in self.values.items())
        )

    def to_bytes(self) -> bytes:
        """The file: a few bytes more than 29 an image."""
        arrays: dict[str, NDArray[Any]] = {}
        for split, digests in self.digests.items():
            arrays[f"{split}.digests"] = Digests.of(digests).rows
            arrays[f"{split}.labels"] = self.labels[split].astype(np.int32)
            if split in self.sizes:
                arrays[f"{split}.sizes"] = np.ascontiguousarray(self.sizes[split], np.int32)
                arrays[f"{split}.grey"] = np.ascontiguousarray(self.grey[split], np.uint8)
            if split in self.values:
                arrays[f"{split}.values"] = np.ascontiguousarray(self.values[split], np.float64)
        about: dict[str, Any] = {
            "classes": self.classes,
            "fingerprint": self.fingerprint,
            "held_out": self.held_out,
        }
        if self.statistics is not None:
            about["statistics"] = asdict(self.statistics)
        if self.targets:
            about["targets"] = [asdict(target) for target in self.targets]
        return array_file(arrays, about)

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
            arrays, about = arrays_in(content)
            found = cls(
                classes=tuple(str(name) for name in about["classes"]),
                digests={
                    split: Digests(array.reshape(-1, HASH))
                    for split, array in _called(arrays, "digests").items()
                },
                labels={
                    split: array.astype(np.int64)
                    for split, array in _called(arrays, "labels").items()
                },
                sizes=_called(arrays, "sizes"),
                grey={
                    split: array.astype(np.bool_)
                    for split, array in _called(arrays, "grey").items()
                },
                held_out=str(about["held_out"]),
                fingerprint=str(about["fingerprint"]),
                statistics=_statistics_in(about.get("statistics")),
                targets=tuple(
                    Target(name=str(each["name"]), unit=str(each["unit"]))
                    for each in about.get("targets", ())
                ),
                values=_called(arrays, "values"),
            )
            found._check()
        except DAMAGED as error:
            raise RunError(what, "is damaged", remedy) from error
        if found.fingerprint != fingerprint:
            raise RunError(what, "is that of other images than run.toml's", remedy)
        return found

    def _check(self) -> None:
        """ValueError where the parts do not belong together."""
        if not {"train", "val"} <= self.digests.keys() or self.digests.keys() != self.labels.keys():
            raise ValueError("splits")
        for split, sizes in self.sizes.items():
            if sizes.shape != (len(self.digests[split]), 2) or sizes.min(initial=1) < 1:
                raise ValueError("sizes")
            if self.grey[split].shape != sizes.shape[:1]:
                raise ValueError("grey")
        for split, labels in self.labels.items():
            if labels.shape != (len(self.digests[split]),):
                raise ValueError("labels")
            most = 1 if self.targets else len(self.classes)
            if len(labels) and not 0 <= labels.min() <= labels.max() < most:
                raise ValueError("classes")
        if self.values.keys() != (self.digests.keys() if self.targets else set()):
            raise ValueError("values")
        for split, values in self.values.items():
            if values.shape != (len(self.digests[split]), len(self.targets)):
                raise ValueError("values")
            if values.dtype != np.float64 or not np.isfinite(values).all():
                raise ValueError("values")
        if self.fingerprint.startswith(_BY_CONTENT) and self.own_fingerprint != self.fingerprint:
            raise ValueError("fingerprint")


def _statistics_in(about: dict[str, Any] | None) -> Statistics | None:
    """What `Manifest.to_bytes` wrote of them; ValueError or the like where it did not."""
    if about is None:
        return None
    vectors = tuple(tuple(map(float, vector)) for vector in about["eigenvectors"])
    return Statistics(
        mean=tuple(map(float, about["mean"])),
        std=tuple(map(float, about["std"])),
        eigenvalues=tuple(map(float, about["eigenvalues"])),
        eigenvectors=vectors,
        images=int(about["images"]),
        of=int(about["of"]),
    )


def fingerprint_of(
    classes: Sequence[str],
    digests: Mapping[str, Sequence[str]],
    labels: Mapping[str, NDArray[np.int64]],
) -> str:
    """One hash of the split, class and content of every image, in any order and by any name."""
    groups: dict[bytes, NDArray[np.uint8]] = {}
    for split in digests:
        rows = Digests.of(digests[split])
        order = rows.order(labels[split])
        sorted_labels = labels[split][order]
        for label in np.unique(sorted_labels).tolist():
            start, end = np.searchsorted(sorted_labels, [label, label + 1])
            begin = f"{split}\0{classes[label]}\0".encode("utf-8", "surrogatepass")
            groups[begin] = rows.rows[order[start:end]]
    # Lines "split\0class\0hash\n" in their order: no beginning is the beginning of another one.
    total = sha256()
    for begin in sorted(groups):
        total.update(_lines(begin, groups[begin]))
    return _BY_CONTENT + total.hexdigest()


def fingerprint_of_numbers(
    targets: Sequence[Target],
    digests: Mapping[str, Sequence[str]],
    values: Mapping[str, NDArray[np.float64]],
) -> str:
    """One hash of the split, content and numbers of every image, in any order and by any name.

    The names of the numbers count, their units do not.
    """
    total = sha256(f"{len(targets)}\0".encode())
    for name in _names(targets):
        total.update(f"{name}\0".encode("utf-8", "surrogatepass"))
    for split in sorted(digests):
        rows = Digests.of(digests[split])
        numbers = values[split] + 0.0  # of the two zeros one
        order = rows.order(*numbers.T[::-1])
        lines = [rows.rows[order], np.ascontiguousarray(numbers[order], "<f8").view(np.uint8)]
        total.update(f"{split}\0{len(order)}\0".encode())
        total.update(np.concatenate(lines, axis=1).tobytes())
    return _BY_CONTENT + total.hexdigest()


def _names(targets: Sequence[Target]) -> list[str]:
    return [target.name for target in targets]


def _lines(begin: bytes, rows: NDArray[np.uint8]) -> bytes:
    """A line for each hash in `rows`, uint8 (n, 16), that begins so."""
    text = np.frombuffer(rows.tobytes().hex().encode(), np.uint8).reshape(len(rows), -1)
    lines = np.empty((len(rows), len(begin) + text.shape[1] + 1), np.uint8)
    lines[:, : len(begin)] = np.frombuffer(begin, np.uint8)
    lines[:, len(begin) : -1] = text
    lines[:, -1] = ord("\n")
    return lines.tobytes()


def _called(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """The arrays of that name, by split."""
    return {
        key.removesuffix(f".{name}"): array
        for key, array in arrays.items()
        if key.endswith(f".{name}")
    }


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
