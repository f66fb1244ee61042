"""Sets of images made one, or labelled by other classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.data.columns import concatenated
from striate.data.images import ImageSet
from striate.data.pixels import Gathered, Pixels
from striate.data.preprocessing import with_channels
from striate.errors import DataError, nearest


def with_classes(images: ImageSet, classes: tuple[str, ...], what: str, those: str) -> ImageSet:
    """`images` labelled by `classes`; DataError, naming `those`, for one that is not among them."""
    if images.classes == classes:
        return images
    place = {name: label for label, name in enumerate(classes)}
    for name, count in zip(images.classes, images.counts, strict=True):
        if count and name not in place:
            raise DataError(what, f"class '{name}' is not in {those}", nearest(name, classes))
    new = np.array([place.get(name, -1) for name in images.classes], np.int64)
    return images.relabelled(classes, new[images.labels])


def joined(sets: Sequence[ImageSet], classes: tuple[str, ...]) -> ImageSet:
    """All images of several sets whose class is among `classes`, labelled by these.

    Of sets of numbers, all images with their values; the sets have the same targets.
    """
    place = {name: label for label, name in enumerate(classes)}
    labels = np.concatenate(
        [
            np.array([place.get(name, -1) for name in images.classes], np.int64)[images.labels]
            if images.classes
            else images.labels
            for images in sets
        ]
    )
    values = [images.values for images in sets if images.values is not None]
    files = all(images.paths is not None for images in sets)
    held = all(images.pixels is not None for images in sets)
    everything = ImageSet(
        classes=classes,
        labels=labels,
        names=concatenated([images.names for images in sets]),
        digests=concatenated([images.digests for images in sets]),
        sizes=np.concatenate([images.sizes for images in sets]),
        grey=np.concatenate([images.grey for images in sets]),
        paths=concatenated([images.paths or () for images in sets]) if files else None,
        pixels=_pixels(sets) if held else None,
        targets=sets[0].targets,
        values=np.concatenate(values) if values else None,
    )
    return everything.subset(np.flatnonzero(labels >= 0))


def _pixels(sets: Sequence[ImageSet]) -> Pixels:
    """The pixels of several sets that hold them: views, where they lie in one block."""
    held = [each.pixels for each in sets]
    views = [each for each in held if isinstance(each, Pixels)]
    if len(views) == len(held) and len({id(each.block) for each in views}) == 1:
        return Pixels(views[0].block, np.concatenate([each.rows for each in views]))
    gathered = Gathered()
    grey = all(images.is_grey for images in sets)
    for images in sets:
        for image in images.pixels if images.pixels is not None else ():
            gathered.add(with_channels(image, 1 if grey else 3))
    return Pixels(gathered.block())
