"""Embeddings of some of a run's images: what its classifier sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.inference.reading import batches_of
from striate.runs.costs import costs_of
from striate.runs.embeddings import Embeddings, in_half, keep_embeddings, read_embeddings
from striate.runs.transfer_record import read_transfer_record

if TYPE_CHECKING:
    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing
    from striate.data.sources import Data
    from striate.evaluation.embeddings import Floats
    from striate.runs.run import Run
    from striate.support.progress import Progress

Part: TypeAlias = "tuple[NDArray[np.int64], Floats]"
"""Numbers of images, rising, and their embeddings."""

MOST_HELD, MOST_TRAIN = 1_000, 2_000
"""Held-out images on the map, and training images among which neighbours are looked for."""
MOST_MACS = 2.5e11
"""Multiply-accumulates that either part may take: some seconds of two processors."""
MOST_PIXELS = 1e9
"""Pixels of photographs that are decoded for the training part."""
LEAST = 32
"""Images of either part, whatever they cost."""
_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Embeddings of a sample of held-out and of training images.

    Attributes:
        held: numbers of the held-out images, rising.
        held_values: float32 (held, D).
        train: numbers of the training images, rising.
        train_values: float32 (train, D).
        of_held: how many held-out images there are.
        of_train: how many training images there are.
    """

    held: NDArray[np.int64]
    held_values: Floats
    train: NDArray[np.int64]
    train_values: Floats
    of_held: int
    of_train: int


def embedded(
    run: Run, data: Data, wanted: Sequence[int], *, progress: Progress | None = None
) -> Embedded:
    """Embeddings of images of `run`, as it keeps them; else they are computed, and kept.

    Those of a frozen backbone are mostly in the cache of features.

    Args:
        run: the run, trained, whose folder the caller holds.
        data: what it was trained on.
        wanted: numbers of held-out images that have to be among them.
        progress: called with images done, of all.

    Raises:
        NetworkError: no layer of the network makes its classes.
        DataError: an image cannot be read any more.
        WriteError: they cannot be kept.
    """
    images = data.val if data.test is None else data.test
    kept = read_embeddings(run)
    if kept is not None:
        found = _found(kept[0], images), _found(kept[1], data.train)
        if set(wanted) <= set(found[0][0].tolist()) and len(found[1][0]):
            return _embedded(images, data.train, *found)
    held, train = _chosen(run, data, images, wanted)
    parts = (images.subset(held), data.train.subset(train))
    transfer = run.config.transfer
    frozen = transfer is not None and transfer.freeze == "all"
    values = in_half((_cached if frozen else _computed)(run, parts, progress))
    digests = [list(part.digests) for part in parts]
    keep_embeddings(
        run,
        Embeddings(digests=digests[0], values=values[0]),
        Embeddings(digests=digests[1], values=values[1]),
    )
    return _embedded(images, data.train, (held, values[0]), (train, values[1]))


def _embedded(images: ImageSet, others: ImageSet, held: Part, train: Part) -> Embedded:
    return Embedded(
        held=held[0],
        held_values=held[1],
        train=train[0],
        train_values=train[1],
        of_held=len(images),
        of_train=len(others),
    )


def _found(kept: Embeddings, images: ImageSet) -> Part:
    """Numbers of the `images` that have an embedding, rising, and these; copies share theirs."""
    rows = {digest: row for row, digest in enumerate(kept.digests)}
    pairs = [
        (number, rows[digest]) for number, digest in enumerate(images.digests) if digest in rows
    ]
    numbers = np.array([number for number, _ in pairs], np.int64)
    return numbers, kept.values[[row for _, row in pairs]]


def _chosen(
    run: Run, data: Data, images: ImageSet, wanted: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the held-out and of the training images that are worth their cost."""
    costs = costs_of(run.path, run.config)
    of_held, of_train = affordable(costs.macs if costs else None, data.train)
    random = np.random.default_rng(run.config.seed)
    return (
        _sample(len(images), of_held, random, wanted),
        _sample(len(data.train), of_train, random),
    )


def affordable(macs: int | None, train: ImageSet) -> tuple[int, int]:
    """The most held-out images, and the most of the training images `train`, that are embedded.

    With None for the multiply-accumulates of an image, as few as there may be.
    """
    images = int(MOST_MACS / max(macs, 1)) if macs is not None else LEAST
    pixels = float(np.prod(train.sizes, axis=1, dtype=np.float64).mean())
    decodable = int(MOST_PIXELS / max(pixels, 1))
    return max(min(MOST_HELD, images), LEAST), max(min(MOST_TRAIN, images, decodable), LEAST)


def _sample(
    images: int, most: int, random: np.random.Generator, wanted: Sequence[int] = ()
) -> NDArray[np.int64]:
    """Numbers of at most `most` of so many images, rising, with those that are `wanted`."""
    chosen = random.permutation(images)[:most]
    return np.unique(np.concatenate([np.asarray(wanted, np.int64), chosen])).astype(np.int64)


def _computed(
    run: Run, parts: tuple[ImageSet, ImageSet], progress: Progress | None
) -> tuple[Floats, Floats]:
    """By a forward of the run's network."""
    from striate.engines.probabilities import Probabilities
    from striate.engines.pytorch import PyTorchSession
    from striate.inference.bulk.embedding import WithEmbedding

    # Of which the answers are dropped.
    network = WithEmbedding(Probabilities(run.network()), run.preprocessing.input_size)
    session = PyTorchSession(network, run.preprocessing, batch_size=_BATCH)
    total, done = sum(map(len, parts)), 0
    found: list[Floats] = []
    for part, read_one in zip(parts, (_read_held, _read_train), strict=True):
        rows = []
        read = partial(read_one, part, run.preprocessing)
        with closing(batches_of(part, read, batch_size=_BATCH, workers=1)) as batches:
            for answers in session.run(batches):
                rows.append(answers[:, len(run.config.outputs) :])
                done += len(answers)
                if progress is not None:
                    progress(done, total)
        found.append(np.concatenate(rows))
    return found[0], found[1]


def _read_held(images: ImageSet, preprocessing: Preprocessing, index: int) -> NDArray[np.uint8]:
    """An image as it was evaluated."""
    return images.read_fitted(index, preprocessing)


def _read_train(images: ImageSet, preprocessing: Preprocessing, index: int) -> NDArray[np.uint8]:
    """An image as evaluation would: of a large one, from the copy that crops are cut from."""
    with images.reading_for_crops(index, preprocessing.channels) as image:
        return preprocessing.fit_image(image)


def _cached(
    run: Run, parts: tuple[ImageSet, ImageSet], progress: Progress | None
) -> tuple[Floats, Floats]:
    """As the transfer computed them: those of its training images are cached where it ran."""
    from striate.transfer_learning.backbone import open_backbone
    from striate.transfer_learning.classifier import float32_features
    from striate.transfer_learning.features import features

    record = read_transfer_record(run)
    engine = "auto" if record is None else record["engine"]
    backbone = open_backbone(run.path)
    held = float32_features(backbone, parts[0], fitted_by=engine, progress=progress)
    found = features(backbone, parts[1], engine=engine, progress=progress)
    return held, found.values[0]
