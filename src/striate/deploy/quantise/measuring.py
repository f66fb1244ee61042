"""An integer network held against its float one, in every engine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from striate.deploy.quantise.figures import Figures
from striate.deploy.quantise.images import Fitted
from striate.deploy.quantise.judging import Judge
from striate.deploy.quantise.options import Target
from striate.deploy.quantise.processor import WithoutVnni, has_vnni
from striate.engines.choosing import ENGINES, open_graph
from striate.engines.session import Answers, Pixels, Session
from striate.support.processors import processor_threads
from striate.support.progress import Progress

MEASURED_IN = ("onnxruntime", "openvino")
"""Engines that both networks are computed in."""
_ROUNDS = 5
_TIMED = 16


def open_network(
    graph: bytes, engine: str, shape: tuple[int, int, int], batch_size: int
) -> Session:
    """A serialised network that begins at the seam, in an engine, in float32 and integers.

    Args:
        graph: takes uint8 (n, channels, height, width).
        engine: a name of `MEASURED_IN`.
        shape: (channels, height, width).
        batch_size: the most images in a batch.
    """
    channels, height, width = shape
    return open_graph(
        graph,
        engine,
        batch_size=batch_size,
        fixed=(height, width, channels),
        planes=True,
        streams=processor_threads(1),
    )


class Measuring:
    """A float network's answers, which integer ones are held against.

    Args:
        network: serialised, float.
        images: what both are measured on.
        judge: of their answers.
        batch_size: the most images in a batch.
        target: processors that count.
        progress: called with images done, of all.
    """

    def __init__(
        self,
        network: bytes,
        images: Fitted,
        judge: Judge,
        *,
        batch_size: int,
        target: Target = "any",
        progress: Progress | None = None,
    ) -> None:
        self._network, self._images, self._judge = network, images, judge
        self._shape, self._batch_size = images.preprocessing.input_size, batch_size
        self._target, self._progress = target, progress
        self.vnni = has_vnni()
        self._floats = {engine: self._in(engine, network) for engine in MEASURED_IN}

    def figures(self, integer: bytes) -> tuple[Figures, ...]:
        """What an integer network does in each engine, and without VNNI if that counts.

        ONNX Runtime adds in 32 bits on any processor, as `OnnxRuntimeSession` tells it to.
        """
        found = []
        for engine in MEASURED_IN:
            wide = self.vnni is False and engine == "onnxruntime"
            vnni = True if wide else self.vnni
            found.append(
                self._judge.compare(
                    self._floats[engine],
                    self._in(engine, integer),
                    engine=ENGINES[engine],
                    vnni=vnni,
                    counted=self._target == "any" or vnni is not False,
                )
            )
        if self.vnni and self._target == "any":
            less = WithoutVnni(integer, self._shape, self._batch_size)
            found.append(
                self._judge.compare(
                    self._floats["openvino"],
                    self._collected(less.run(self._images)),
                    engine=ENGINES["openvino"],
                    vnni=False,
                    emulated=True,
                )
            )
        return tuple(found)

    def speeds(self, integer: bytes) -> tuple[Speed, ...]:
        """How long both networks take in each engine, alone and in batches."""
        pixels = next(iter(self._images))[:_TIMED]
        found = []
        for engine in MEASURED_IN:
            for size in sorted({1, min(self._batch_size, len(pixels))}):
                given = [pixels[at : at + size] for at in range(0, len(pixels), size)]
                full = [each for each in given if len(each) == size]
                one, other = (
                    open_network(graph, engine, self._shape, size)
                    for graph in (self._network, integer)
                )
                with one, other:
                    found.append(_speed(engine, size, one, other, full))
        return tuple(found)

    def _in(self, engine: str, graph: bytes) -> Answers:
        with open_network(graph, engine, self._shape, self._batch_size) as session:
            return self._collected(session.run(self._images))

    def _collected(self, answers: Iterable[Answers]) -> Answers:
        parts: list[Answers] = []
        done = 0
        for part in answers:
            parts.append(part)
            done += len(part)
            if self._progress is not None:
                self._progress(done, len(self._images))
        return np.concatenate(parts)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Processor time an image of both networks in one engine, without pre-processing.

    Attributes:
        engine: in which both were computed.
        batch: images that were computed together.
        float_ms: milliseconds of processor time an image, of the float network; a median.
        ms: that of the integer one.
        ratio: median of what the float network takes, divided by what the integer one takes in the
            same round.
    """

    engine: str
    batch: int
    float_ms: float
    ms: float
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def _speed(engine: str, size: int, one: Session, other: Session, batches: list[Pixels]) -> Speed:
    images = sum(map(len, batches))
    times: list[tuple[float, float]] = []
    for turn in range(_ROUNDS + 1):
        both = []
        for session in (one, other):
            began = time.process_time()
            for _ in session.run(batches):
                pass
            both.append(1000 * (time.process_time() - began) / images)
        if turn:  # the first warms up
            times.append((both[0], both[1]))
    return Speed(
        engine=ENGINES[engine],
        batch=size,
        float_ms=statistics.median(each[0] for each in times),
        ms=statistics.median(each[1] for each in times),
        ratio=statistics.median(each[0] / max(each[1], 1e-9) for each in times),
    )
