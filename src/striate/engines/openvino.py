"""OpenVINO as an engine: a graph on the processor, several batches at a time, also in bfloat16."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.engines.packages import need
from striate.engines.session import NOTHING, Answers, Feed, Pixels, Session, as_it_is, in_one_line
from striate.support.processors import processor_threads

TITLE = "OpenVINO"
_HINTS = {"bfloat16": "bf16", "float32": "f32"}

_cores: list[Any] = []
_making_core = Lock()


def core(openvino: Any) -> Any:
    """The one core of this process, which is never given back.

    Each core puts a stack for signal handlers of its own on the thread that makes it, and takes the
    memory away with it, whether or not that stack is still the one in use. Of two cores, the first
    to go leaves the other to put back a stack that is gone, and the next Ctrl-C ends the process
    with a segmentation fault.
    """
    with _making_core:
        if not _cores:
            _cores.append(openvino.Core())
    return _cores[0]


class OpenVinoSession(Session):
    """The first output of a graph for its first input.

    Args:
        graph: serialised.
        feed: makes of a batch of pixels what the graph takes.
        weights: what the graph takes beside it, by name, where its weights are inputs.
        precision: ``float32`` or ``bfloat16``. On processors that multiply bfloat16,
            OpenVINO takes that unless it is given another, and differs by per cents.
        batch_size: the most images in a batch.
        fixed: the shape of an image where all have the same, for which it is then compiled; None:
            every batch may have another.
        fill_up: compile for full batches alone, and fill up a smaller one.
        normalise: the graph takes normalised images; OpenVINO makes them of pixels.
        planes: the graph takes pixels with their channels first; OpenVINO turns them.
        streams: how many batches are computed at a time, where all images have one shape; None for
            as many as suit the processor.

    Raises:
        ExportError: OpenVINO is missing, or cannot run the graph.
    """

    def __init__(
        self,
        graph: bytes,
        *,
        feed: Feed = as_it_is,
        weights: Mapping[str, NDArray[Any]] | None = None,
        precision: str = "float32",
        batch_size: int,
        fixed: tuple[int, int, int] | None = None,
        fill_up: bool = False,
        normalise: Preprocessing | None = None,
        planes: bool = False,
        streams: int | None = None,
    ) -> None:
        super().__init__(f"openvino {precision}", batch_size)
        openvino = need("openvino")
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": _HINTS[precision]}
        if fixed is not None:
            settings["INFERENCE_NUM_THREADS"] = processor_threads(1)
            if streams is None:
                settings["PERFORMANCE_HINT"] = "THROUGHPUT"
            else:
                settings["NUM_STREAMS"] = streams
        with in_one_line(TITLE):
            own = core(openvino)
            model = own.read_model(graph)
            if normalise is not None or planes:
                model = _taking_pixels(model, normalise)
            if fixed is not None:
                many = batch_size if fill_up else openvino.Dimension(1, batch_size)
                model.reshape([many, *fixed])  # a fixed size is compiled better
            compiled = own.compile_model(model, "CPU", settings)
            at_a_time = 0
            if fixed is not None:
                at_a_time = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
            # One more than there are streams, so that none waits while a result is taken out.
            self._requests = [compiled.create_infer_request() for _ in range(at_a_time + 1)]
        self._full = batch_size if fixed is not None and fill_up else 0
        self._feed, self._weights = feed, dict(weights or {})

    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        """Compute as many batches at a time as there are streams; see `Session.run`."""
        return in_parallel(self._requests, map(self._prepared, batches))

    def _prepared(self, pixels: Pixels) -> tuple[int, Mapping[Any, NDArray[Any]]]:
        """How many images a batch has, and the graph's inputs for it."""
        count = len(pixels)
        if 0 < count < self._full:
            pixels = np.concatenate([pixels, pixels[:1].repeat(self._full - count, axis=0)])
        return count, {0: self._feed(pixels), **self._weights}

    def close(self) -> None:
        """Free the graph and its streams."""
        self._requests.clear()


def in_parallel(
    requests: list[Any], batches: Iterable[tuple[int, Mapping[Any, NDArray[Any]]]]
) -> Generator[Answers]:
    """Answers to `batches` in their order, as many computed at a time as there are `requests`.

    Results are waited for, in order, and nothing is called back: a callback takes Python's lock on
    a thread of OpenVINO's, and who takes apart what that thread belongs to, with the lock in hand,
    waits for ever.

    Args:
        requests: OpenVINO's, none of which is running.
        batches: for each batch how many images it has, and the graph's inputs.
    """
    free = deque(requests)
    running: deque[tuple[Any, int]] = deque()

    def oldest() -> Answers:
        request, size = running.popleft()
        if request is None:
            return NOTHING
        with in_one_line(TITLE):
            request.wait()
        free.append(request)
        answers: Answers = request.get_output_tensor(0).data[:size].copy()
        return answers

    try:
        for size, inputs in batches:
            done = []
            while running and (running[0][0] is None or (size and not free)):
                done.append(oldest())
            request = free.popleft() if size else None
            if request is not None:
                with in_one_line(TITLE):
                    request.start_async(inputs)
            running.append((request, size))
            yield from done
        while running:
            yield oldest()
    finally:
        for request, _ in running:  # of a caller who stops early
            if request is not None:
                request.cancel()
                with suppress(RuntimeError):  # which says that it was cancelled
                    request.wait()


def _taking_pixels(model: Any, preprocessing: Preprocessing | None) -> Any:
    """`model` taking uint8 (n, height, width, channels).

    Args:
        model: takes pixels, or normalised images, with their channels first.
        preprocessing: how they are normalised, if they are.
    """
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    prepared = PrePostProcessor(model)
    image = prepared.input()
    image.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    image.model().set_layout(Layout("NCHW"))
    if preprocessing is not None:
        image.preprocess().convert_element_type(Type.f32).mean(
            [255 * value for value in preprocessing.mean]
        ).scale([255 * value for value in preprocessing.std])
    return prepared.build()
