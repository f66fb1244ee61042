"""ONNX Runtime as an engine: a graph on the processor, in float32."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.engines.packages import need
from striate.engines.precision import processor_threads
from striate.engines.session import NOTHING, Answers, Feed, Pixels, Session, as_it_is, in_one_line

TITLE = "ONNX Runtime"


class OnnxRuntimeSession(Session):
    """The first output of a graph for its first input.

    Args:
        graph: serialised.
        feed: makes of a batch of pixels what the graph takes.
        weights: what the graph takes beside it, by name, where its weights are inputs.
        batch_size: the most images in a batch.

    Raises:
        ExportError: ONNX Runtime is missing, or cannot run the graph.
    """

    def __init__(
        self,
        graph: bytes,
        *,
        feed: Feed = as_it_is,
        weights: Mapping[str, NDArray[Any]] | None = None,
        batch_size: int,
    ) -> None:
        super().__init__("onnxruntime float32", batch_size)
        runtime = need("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.intra_op_num_threads = processor_threads(1)
        with in_one_line(TITLE):
            self._session = runtime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        self._input = self._session.get_inputs()[0].name
        self._feed, self._weights = feed, dict(weights or {})

    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        """Compute each batch as it is asked for; see `Session.run`."""
        for pixels in batches:
            yield self._answers(pixels) if len(pixels) else NOTHING

    def _answers(self, pixels: Pixels) -> Answers:
        inputs = {self._input: self._feed(pixels), **self._weights}
        with in_one_line(TITLE):
            return np.asarray(self._session.run(None, inputs)[0])

    def close(self) -> None:
        """Free the graph and the memory that its threads hold."""
        vars(self).pop("_session", None)  # also where it was closed before
