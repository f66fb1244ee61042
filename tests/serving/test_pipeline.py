"""Batches out of whatever waits, and errors that stay with their picture."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.errors import DataError, StriateError
from striate.inference.classifier import Classifier
from striate.serving.metrics import Metrics
from striate.serving.pipeline import Pipeline

from .conftest import PREPROCESSING, as_file, expected, noise, write_file  # type: ignore[import-not-found]


class Watched:
    """A session that keeps the sizes of its batches, and may be held or made to fail."""

    name, batch_size = "watched", 4

    def __init__(self, answer: Callable[[Any], Any] | None = None) -> None:
        self.sizes: list[int] = []
        self.taken = 0
        self.go = threading.Event()
        self.closed = False
        self._answer = answer or (
            lambda pixels: np.stack([expected(each, fitted=False) for each in pixels])
        )

    def run(self, batches: Iterable[Any]) -> Generator[Any]:
        for batch in batches:
            self.taken += len(batch)
            assert self.go.wait(20)
            self.sizes.append(len(batch))
            yield self._answer(batch).astype(np.float32)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def piped(
    session: Any, readers: ThreadPoolExecutor, work: Callable[[Pipeline], Awaitable[Any]]
) -> Any:
    classifier = Classifier(session, PREPROCESSING, ("a", "b", "c"))
    pipeline = Pipeline(classifier, readers, most_pixels=10_000, counts=Metrics().of("a"))
    try:
        return asyncio.run(work(pipeline))  # type: ignore[arg-type]
    finally:
        session.go.set()
        pipeline.close()
        assert session.closed


async def all_of(pipeline: Pipeline, pictures: Iterable[Any]) -> list[Any]:
    return await asyncio.gather(*map(pipeline.submit, pictures), return_exceptions=True)


def test_what_waits_is_computed_together_and_goes_to_whom_it_belongs(
    readers: ThreadPoolExecutor,
) -> None:
    session = Watched()
    images = [noise(30 + seed, 40, seed) for seed in range(11)]

    async def work(pipeline: Pipeline) -> list[Any]:
        futures = [pipeline.submit(as_file(each)) for each in images]
        while len(pipeline._waiting) + session.taken < 11:
            await asyncio.sleep(0.01)
        session.go.set()
        return await asyncio.gather(*futures)

    rows = piped(session, readers, work)
    np.testing.assert_allclose(rows, [expected(each) for each in images], atol=1e-5)
    assert sum(session.sizes) == 11
    assert max(session.sizes) == 4
    assert len(session.sizes) <= 4


def test_bad_pictures_fail_alone(readers: ThreadPoolExecutor) -> None:
    session = Watched()
    session.go.set()
    good = as_file(noise(40, 40), "JPEG")
    pictures = [good, good[:100], good, b"", b"nothing", good[: len(good) // 2], good]
    found = piped(session, readers, lambda pipeline: all_of(pipeline, pictures))
    assert [isinstance(each, DataError) for each in found] == [0, 1, 0, 1, 1, 1, 0]
    assert len({tuple(found[k]) for k in (0, 2, 6)}) == 1
    assert sum(session.sizes) == 3


def test_what_is_cancelled_is_not_computed(readers: ThreadPoolExecutor) -> None:
    session = Watched()

    async def work(pipeline: Pipeline) -> Any:
        first = pipeline.submit(noise(40, 40))
        await asyncio.sleep(0.05)
        others = [pipeline.submit(noise(40, 40)) for _ in range(6)]
        for each in others[1:]:
            each.cancel()
        session.go.set()
        return await asyncio.gather(first, others[0])

    assert len(piped(session, readers, work)) == 2
    assert sum(session.sizes) == 2


def test_numbers_that_are_none_are_an_error_of_their_picture(readers: ThreadPoolExecutor) -> None:
    def answer(pixels: Any) -> Any:
        rows = np.stack([expected(each, fitted=False) for each in pixels])
        rows[pixels[:, 0, 0, 0] == 255] = np.nan
        return rows

    session = Watched(answer)
    session.go.set()
    white = np.full((40, 40, 3), 255, np.uint8)
    found = piped(session, readers, lambda pipeline: all_of(pipeline, [noise(40, 40), white]))
    assert isinstance(found[0], np.ndarray)
    assert isinstance(found[1], StriateError)


def test_a_batch_that_fails_fails_those_in_it_and_no_later_ones(
    readers: ThreadPoolExecutor,
) -> None:
    calls = []

    def answer(pixels: Any) -> Any:
        calls.append(len(pixels))
        if len(calls) == 1:
            raise MemoryError("no room")
        return np.stack([expected(each, fitted=False) for each in pixels])

    session = Watched(answer)
    session.go.set()

    async def work(pipeline: Pipeline) -> list[Any]:
        first = await all_of(pipeline, [noise(40, 40)])
        return first + await all_of(pipeline, [noise(40, 40)])

    found = piped(session, readers, work)
    assert isinstance(found[0], MemoryError)
    assert isinstance(found[1], np.ndarray)


def test_closing_waits_for_what_was_submitted(readers: ThreadPoolExecutor) -> None:
    session = Watched()

    async def work(pipeline: Pipeline) -> list[Any]:
        futures = [pipeline.submit(noise(40, 40, seed)) for seed in range(9)]
        closing = asyncio.create_task(asyncio.to_thread(pipeline.close))
        await asyncio.sleep(0.05)
        assert not closing.done()
        session.go.set()
        rows = await asyncio.gather(*futures)
        await closing
        return rows

    assert len(piped(session, readers, work)) == 9


def test_a_file_that_resizes_within_takes_pictures_of_every_size(
    readers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "whole.onnx", any_size=True)
    images = [noise(20 + 7 * (seed % 3), 30, seed) for seed in range(12)]
    classifier = Classifier.of_file(file)
    pipeline = Pipeline(classifier, readers, most_pixels=10_000, counts=Metrics().of("a"))
    rows = asyncio.run(all_of(pipeline, images))
    pipeline.close()
    np.testing.assert_allclose(rows, [expected(each, fitted=False) for each in images], atol=1e-5)


@pytest.mark.parametrize(
    "answer",
    [lambda pixels: np.zeros((len(pixels), 7)), lambda pixels: np.zeros((len(pixels) + 1, 3))],
    ids=["other numbers than classes", "more rows than pictures"],
)
def test_a_network_that_is_another_fails_what_it_was_given(
    readers: ThreadPoolExecutor, answer: Callable[[Any], Any]
) -> None:
    """Nobody waits for ever, and neither does closing."""
    session = Watched(answer)
    session.go.set()
    found = piped(session, readers, lambda pipeline: all_of(pipeline, [noise(30, 40, 0)] * 3))
    assert len(found) == 3
    assert all(isinstance(each, Exception) for each in found)
