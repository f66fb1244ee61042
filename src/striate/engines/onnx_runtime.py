"""ONNX Runtime as an engine: a graph on the processor, in float32."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.engines.packages import need
from striate.engines.session import NOTHING, Answers, Feed, Pixels, Session, as_it_is, in_one_line
from striate.support.prefetch import prefetch
from striate.support.processors import is_known_to_have_vnni, processor_threads

TITLE = "ONNX Runtime"
_IN_32_BITS = "session.x64quantprecision"


class OnnxRuntimeSession(Session):
    """The first output of a graph for its first input.

    Args:
        graph: serialised.
        feed: makes of a batch of pixels what the graph takes.
        weights: what the graph takes beside it, by name, where its weights are inputs.
        batch_size: the most images in a batch.
        streams: how many batches are computed at a time, each with its share of the processors.

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
        streams: int = 1,
    ) -> None:
        super().__init__("onnxruntime float32", batch_size)
        runtime = need("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        options.intra_op_num_threads = max(processor_threads(1) // streams, 1)
        # A thread that waits for work by turning round takes the processor from those that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not is_known_to_have_vnni():
            # Such processors add products of bytes in 16 bits, which overflow; this makes ONNX
            # Runtime add them in 32, at a tenth of the time. With VNNI it would take kernels that
            # do not use it: the same numbers in twice the time.
            options.add_session_config_entry(_IN_32_BITS, "1")
        with in_one_line(TITLE):
            self._session = runtime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        self._input = self._session.get_inputs()[0].name
        self._feed, self._weights = feed, dict(weights or {})
        self._streams = streams

    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        """Compute as many batches at a time as there are streams; see `Session.run`."""
        workers = self._streams if self._streams > 1 else 0
        return prefetch(
            self._answers, batches, workers=workers, ahead=workers, name="striate-onnxruntime"
        )

    def _answers(self, pixels: Pixels) -> Answers:
        if not len(pixels):
            return NOTHING
        inputs = {self._input: self._feed(pixels), **self._weights}
        with in_one_line(TITLE):
            return np.asarray(self._session.run(None, inputs)[0])

    def close(self) -> None:
        """Free the graph and the memory that its threads hold."""
        vars(self).pop("_session", None)  # also where it was closed before
