"""The embedding of every image, computed once and cached on disk.

View 0 is the image as evaluation sees it; each further view is a random part of it, half of the
time flipped horizontally. What a view shows is a function of (seed, view, content of the image)
alone: not of workers, nor of where the image stands among others, so that it may be looked up by
its content.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.decoding.decode import decoders
from striate.data.images import ImageSet
from striate.engines.choosing import choose_engine, open_session, parse_engine
from striate.engines.session import Session
from striate.errors import DataError, ExportError, StriateError, parameter
from striate.hub.libraries import LIBRARIES
from striate.hub.names import parse
from striate.inference.reading import batches_of, evaluated
from striate.support.folders import cache_at
from striate.support.progress import Progress
from striate.transfer_learning.backbone import Backbone
from striate.transfer_learning.cache.store import CacheEntry
from striate.transfer_learning.views import VIEWS, DrawnViews

#: Raised whenever the same file gives other pixels than it did: features kept before are of those.
PIXELS = 1

_FLUSH = 16  # batches that a killed process may lose


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSet:
    """Embeddings of a set of images.

    Attributes:
        values: float32 (views, images, D); without meaning where an image has fewer views.
        labels: int64 (images,).
        engine: what computed them, for people: ``openvino bfloat16``.
        computed: how many were computed, all views counted; duplicates count once.
        found: how many were in the cache, counted likewise.
        seconds: that computing took, without the start of the engine.
        start_seconds: that the start of the engine took.
        notes: what a person should know, in whole sentences: a damaged cache, a full disk.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    engine: str
    computed: int
    found: int
    seconds: float
    start_seconds: float
    notes: tuple[str, ...] = ()


def features(
    backbone: Backbone,
    images: ImageSet,
    *,
    views: int | Sequence[int] = 1,
    seed: int = 0,
    engine: str = "auto",
    cache_dir: Path | None = None,
    workers: int = 0,
    drawn: DrawnViews | None = None,
    progress: Progress | None = None,
) -> FeatureSet:
    """The embeddings of `images`, from disk as far as they are there.

    Args:
        backbone: what computes them.
        images: that they are of.
        views: how many of each image, or of every image its own number.
        seed: of the views after the first.
        engine: as for `choose_engine`. Where nobody insists on one, what OpenVINO cannot have is
            computed in PyTorch.
        cache_dir: where features are kept; the usual folder if None.
        workers: threads that decode images; 0 for one a processor.
        drawn: of the same backbone and seed, views of images that were drawn before.
        progress: called as they are computed.

    Raises:
        DataError: an image cannot be read any more.
        StriateError: `engine` or `views` is no such thing; a feature is not a number.
    """
    if not len(images):
        raise DataError("no images", "there is nothing to compute features of")
    wanted = np.broadcast_to(np.asarray(views), len(images))
    if wanted.min() < 1:
        raise StriateError(parameter("views", int(wanted.min())), "must be at least 1")
    notes: list[str] = []
    folder = cache_at(cache_dir, notes)
    chosen, precision = choose_engine(engine)
    if drawn is None:
        drawn = DrawnViews(backbone.preprocessing, 1, seed)
    for name in (chosen, "torch"):
        work = _Work(backbone, images, (name, precision), drawn=drawn, workers=workers)
        try:
            with closing(work):
                return _computed(work, wanted, folder, notes, progress)
        except ExportError as error:
            if name == "torch" or parse_engine(engine)[0]:
                raise
            notes.append(f"features are computed in PyTorch, not OpenVINO, which {error.why}")
    raise AssertionError("the last engine gives features or an error")


def _computed(
    work: _Work,
    wanted: NDArray[np.int64],
    folder: Path | None,
    notes: Sequence[str],
    progress: Progress | None,
) -> FeatureSet:
    """The features of `wanted` views of each image, by one engine."""
    images = work.images
    most = int(wanted.max())
    table = _Table(most, images.digests)
    # Of every view the images that it is wanted of, copies once.
    firsts = [_firsts(images.digests, np.flatnonzero(wanted > view)) for view in range(most)]
    entries = [CacheEntry(folder, *work.key(view)) for view in range(most)]
    kept = [entry.read(list(own)) for entry, own in zip(entries, firsts, strict=True)]
    total, found = sum(map(len, firsts)), sum(len(known.rows) for known in kept)
    if progress is not None:
        work.tell = lambda computed: progress(found + computed, total)
    for view, (entry, known) in enumerate(zip(entries, kept, strict=True)):
        table.put(view, {digest.hex(): row for digest, row in known.rows.items()})
        missing = [index for digest, index in firsts[view].items() if digest not in known]
        known.rows.clear()
        with closing(entry):
            work.compute(view, missing, entry, table)
    assert table.values is not None
    return FeatureSet(
        values=table.values,
        labels=images.labels,
        engine=f"{work.engine} {work.precision}",
        computed=work.computed,
        found=found,
        seconds=work.seconds,
        start_seconds=work.start_seconds,
        notes=tuple(dict.fromkeys([*notes, *(line for each in entries for line in each.trouble)])),
    )


def _firsts(digests: Sequence[str], indices: NDArray[np.int64]) -> dict[str, int]:
    """The first of the images at `indices` with each digest."""
    found: dict[str, int] = {}
    for index in indices.tolist():
        found.setdefault(digests[index], index)
    return found


class _Table:
    """Rows by view and by content hash, in the order of the images, equal images alike."""

    def __init__(self, views: int, digests: Sequence[str]) -> None:
        self.views, self.images = views, len(digests)
        self.positions: dict[str, list[int]] = {}
        for index, digest in enumerate(digests):
            self.positions.setdefault(digest, []).append(index)
        self.values: NDArray[np.float32] | None = None

    def put(self, view: int, rows: Mapping[str, NDArray[np.float32]]) -> None:
        for digest, row in rows.items():
            if self.values is None:
                self.values = np.empty((self.views, self.images, len(row)), np.float32)
            self.values[view, self.positions[digest]] = row


class _Work:
    """What is computed, and how long that takes."""

    def __init__(
        self,
        backbone: Backbone,
        images: ImageSet,
        engine: tuple[str, str],
        *,
        drawn: DrawnViews,
        workers: int,
    ) -> None:
        self.backbone, self.images, self.drawn = backbone, images, drawn
        self.engine, self.precision = engine
        self.seed, self.workers = drawn.seed, workers or os.cpu_count() or 1
        self.tell: Callable[[int], None] = lambda _: None
        self.computed = 0
        self.seconds = self.start_seconds = 0.0
        self._session: Session | None = None

    def key(self, view: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """All that decides the features of an image in this view, and what people want to know."""
        key: dict[str, Any] = {
            "weights": self.backbone.weights_digest,
            # Networks of the same shapes may differ in their strides.
            "network": [self.backbone.spec, dict(self.backbone.options)],
            "library": _library(self.backbone.spec),
            "preprocessing": self.backbone.preprocessing.to_dict(),
            "pixels": [PIXELS, *decoders()],
            "engine": [self.engine, self.precision],
            "view": [view, self.seed, asdict(VIEWS)] if view else [0],
        }
        about = {
            "backbone": self.backbone.name,
            "engine": f"{self.engine} {self.precision}",
            "view": f"{view} of seed {self.seed}" if view else "as evaluated",
        }
        return key, about

    def compute(self, view: int, indices: Sequence[int], entry: CacheEntry, table: _Table) -> None:
        """Compute the features of the images at `indices`; add them to `entry` and `table`."""
        if not indices:
            return
        session = self._started()
        began = time.perf_counter()
        digests = [self.images.digests[index] for index in indices]
        block: list[NDArray[np.float32]] = []
        first = done = 0
        with closing(self._pixels(view, indices, session.batch_size)) as batches:
            for values in session.run(batches):
                self._check(values, indices[done : done + len(values)])
                block.append(values)
                done += len(values)
                self.computed += len(values)
                self.tell(self.computed)
                if len(block) == _FLUSH or done == len(indices):
                    rows = np.concatenate(block)
                    entry.add(digests[first:done], rows)
                    table.put(view, dict(zip(digests[first:done], rows, strict=True)))
                    block, first = [], done
        self.seconds += time.perf_counter() - began

    def _started(self) -> Session:
        if self._session is None:
            began = time.perf_counter()
            self._session = open_session(
                self.backbone.network, self.backbone.preprocessing, self.engine, self.precision
            )
            self.start_seconds = time.perf_counter() - began
        return self._session

    def close(self) -> None:
        """End the engine, where it was started."""
        if self._session is not None:
            self._session.close()

    def _check(self, values: NDArray[np.float32], indices: Sequence[int]) -> None:
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            name = self.images.names[indices[int(np.argmin(finite))]]
            raise StriateError(
                f"backbone '{self.backbone.name}'",
                f"gives an embedding of {name} that is not finite",
                "its weights or its pre-processing are at fault",
            )

    def _pixels(
        self, view: int, indices: Sequence[int], batch_size: int
    ) -> Generator[NDArray[np.uint8]]:
        """Batches of images as the network takes them, decoded on threads; the last one shorter."""
        images, preprocessing = self.images, self.backbone.preprocessing

        def drawn(index: int) -> NDArray[np.uint8]:
            return self.drawn.read(images, index, view)

        read = drawn if view else evaluated(images, preprocessing)
        return batches_of(
            images, read, indices=indices, batch_size=batch_size, workers=self.workers
        )


def _library(spec: str) -> list[str]:
    """The library that a network's code is from, and its version: another may compute otherwise."""
    source = parse(spec).source
    return [source, version(LIBRARIES[source].package)] if source in LIBRARIES else []
