"""Shards computed in this process, one after another; threads read ahead while the engine works."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from striate.inference.bulk.shards import Counts, Shards
from striate.support.progress import Progress


def compute(shards: Shards, wanted: Sequence[int], progress: Progress | None) -> Generator[Counts]:
    """Compute the `wanted` shards.

    Args:
        shards: computes them.
        wanted: their numbers.
        progress: called with images done, of all that are wanted.

    Yields:
        What is in each, once its file is there.
    """
    total = sum(map(shards.job.size, wanted))
    before = 0

    def count(done: int, _of: int) -> None:
        if progress is not None:
            progress(before + done, total)

    for shard in wanted:
        found = shards.compute(shard, count)
        before += found.images
        yield found
