"""Copies of photographs that training cuts its crops from: every epoch decodes the small file.

What crops begin at is always the pixels of the copy, whether it lay on the disk, was made while the
image was checked, or has to be made for want of room each time: so a run gives the same bits.
What is measured is never read from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from striate.data.preprocessing import with_channels
from striate.data.working_copies.shrink import decoded, encoded, is_much_larger, key_of
from striate.data.working_copies.store import Place, Store
from striate.support.prefetch import prefetch

if TYPE_CHECKING:
    from striate.data.images import Array, ImageSet
    from striate.support.progress import Progress

_BYTES = 0.5
"""That a pixel of a copy takes, at most: photographs with much grain take 0.3."""


class WorkingCopies:
    """Copies with a short side of `side` pixels of all images that are much larger.

    It is a `striate.data.scan.Visitor`, so that the pass that checks images makes their copies.

    Args:
        side: see `striate.data.working_copies.shrink.side_for`.
        cache: the cache's folder; None where there is none.
        place: where copies are kept, see `Store`.
        memory: bytes that they may take in memory.
        held_out: whether an image, by its content hash and split, is never cut from.

    Attributes:
        side: short side in pixels.
        store: where they are kept.
    """

    def __init__(
        self,
        side: int,
        cache: Path | None,
        *,
        place: Place,
        memory: int,
        held_out: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        about = {"made": f"copies of {side:,} pixels"}
        self.side, self._said, self._held_out = side, "", held_out
        self.store = Store(cache, key_of(side), about, place=place, memory=memory)

    def visit(self, digest: str, pixels: Array, split: str = "") -> None:
        """Make the copy of a large image that is not held out, unless it is there."""
        if (
            is_much_larger(pixels.shape[:2], self.side)
            and not self._held_out(digest, split)
            and digest not in self.store
        ):
            self.store.put(digest, encoded(pixels, self.side))

    def indices(self, images: ImageSet) -> list[int]:
        """Which of `images` have a copy, or should have one."""
        if images.pixels is not None or images.paths is None:
            return []
        return [
            index
            for index, size in enumerate(images.sizes.tolist())
            if is_much_larger(size, self.side)
        ]

    def has_room_for(self, images: ImageSet) -> bool:
        """Whether the copies of `images` that are still to be made can be kept."""
        if self.store.full:
            return False
        size = 0
        for index in self.missing(images):
            height, width = images.sizes[index].tolist()
            size += int(self.side**2 * max(height, width) / min(height, width) * _BYTES)
        return self.store.has_room_for(size)

    def missing(self, images: ImageSet) -> list[int]:
        """Which of `images` should have a copy, and have none."""
        return [index for index in self.indices(images) if images.digest(index) not in self.store]

    def make(
        self,
        images: ImageSet,
        indices: Sequence[int],
        *,
        workers: int,
        progress: Progress | None = None,
    ) -> None:
        """Make the copies of some of `images`.

        Args:
            images: a set that is read from files.
            indices: of those images.
            workers: threads; 0 for the caller's own.
            progress: counts the copies.

        Raises:
            DataError: an image can no longer be read.
        """
        made = prefetch(
            lambda index: self._make(images, index),
            indices,
            workers=workers,
            ahead=workers,  # photographs are large
            name="striate-copies",
        )
        with closing(made):
            for done, _ in enumerate(made, 1):
                if progress is not None:
                    progress(done, len(indices))

    def _make(self, images: ImageSet, index: int) -> bytes:
        with images.reading(index, None) as image:
            content = encoded(image, self.side)
        self.store.put(images.digest(index), content)
        return content

    def news(self) -> str:
        """Where copies are, if that is not where they were meant to be, and was not said yet."""
        store = self.store
        said = ""
        if store.full:
            why = store.trouble or "memory is full"
            said = f"some working copies have no room ({why}): they are made anew in every epoch"
        elif store.trouble:
            said = f"working copies are held in memory: {store.trouble}"
        self._said, before = said, self._said
        return said if said != before else ""

    @contextmanager
    def reading(self, images: ImageSet, index: int, channels: int) -> Iterator[Array]:
        """The copy of an image, or the image where it is not much larger, for the time of a block.

        Args:
            images: a set that is read from files.
            index: of the image.
            channels: 1 or 3.

        Yields:
            uint8 (H, W, channels); do not write to it.

        Raises:
            DataError: the copy has to be made, and the image can no longer be read.
        """
        if not is_much_larger(images.sizes[index].tolist(), self.side):
            with images.reading(index, channels) as image:
                yield image
            return
        content = self.store.get(images.digest(index))
        if content is None:
            content = self._make(images, index)
        yield with_channels(decoded(content), channels)
