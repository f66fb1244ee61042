from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import pytest

from striate.engines.session import NOTHING, Answers
from striate.inference.views.filling import WINDOW, Batch, Part, averaged


class Engine:
    """Gives the mean grey level of each view, and notes the batches that it was given."""

    def __init__(self, ahead: int = 0) -> None:
        self.ahead, self.seen = ahead, list[tuple[int, tuple[int, ...]]]()

    def __call__(self, batches: Iterator[Batch]) -> Generator[Answers]:
        waiting: list[Batch] = []
        for batch in batches:
            self.seen.append((batch.network, batch.pixels.shape))
            waiting.append(batch)
            if len(waiting) > self.ahead:
                yield self._answers(waiting.pop(0))
        yield from map(self._answers, waiting)

    def _answers(self, batch: Batch) -> Answers:
        if not len(batch.pixels):
            return NOTHING
        means = batch.pixels.mean((1, 2, 3)).astype(np.float32)
        return np.stack([means, np.full_like(means, batch.network)], axis=1)


def parts(*levels: int, side: int = 2, network: int = 0) -> list[Part]:
    pixels = [np.full((side, side, 3), level, np.uint8) for level in levels]
    return [Part(each, 1 / len(levels), network) for each in pixels]


@pytest.mark.parametrize("ahead", [0, 2])
def test_batches_are_filled_across_images(ahead: int) -> None:
    engine = Engine(ahead)
    images = [(f"{n}", parts(*range(n, n + 7))) for n in range(9)]
    found = list(averaged(images, engine, batch_size=8))
    assert [key for key, _ in found] == [key for key, _ in images]
    assert [row[0] for _, row in found if row is not None] == [n + 3 for n in range(9)]
    assert [shape[0] for _, shape in engine.seen] == [8] * 7 + [7]


def test_views_of_several_sizes_and_networks_have_batches_of_their_own() -> None:
    engine = Engine()
    images = [(n, [*parts(n, n, side=2), *parts(n, side=3, network=1)]) for n in range(10)]
    half = [
        (n, [Part(p.pixels, 0.25 * (1 + p.network), p.network) for p in ps]) for n, ps in images
    ]
    found = list(averaged(half, engine, batch_size=4))
    assert [(key, *row.tolist()) for key, row in found if row is not None] == [
        (n, n, 0.5) for n in range(10)
    ]
    assert (
        sorted(engine.seen)
        == [(0, (4, 2, 2, 3))] * 5 + [(1, (2, 3, 3, 3))] + [(1, (4, 3, 3, 3))] * 2
    )


def test_images_of_a_rare_size_do_not_keep_the_others_waiting() -> None:
    came = 0

    def images() -> Iterator[tuple[int, list[Part]]]:
        nonlocal came
        yield 0, parts(7, side=3)
        while True:
            came += 1
            yield came, parts(1)

    found = averaged(images(), Engine(), batch_size=8)
    assert next(found)[0] == 0
    assert came <= WINDOW + 8


def test_what_cannot_be_read_is_told_at_once() -> None:
    def images() -> Iterator[tuple[str, list[Part]]]:
        while True:
            yield "gone", []

    found = averaged(images(), Engine(), batch_size=8)
    assert [next(found) for _ in range(3)] == [("gone", None)] * 3
    mixed = [("a", parts(1)), ("gone", []), ("b", parts(2))]
    got = list(averaged(mixed, Engine(), batch_size=8))
    assert [(key, row is None) for key, row in got] == [("a", False), ("gone", True), ("b", False)]
