"""What computes features: OpenVINO where it is installed, else PyTorch.

An engine takes batches of pixels, uint8 (n, height, width, channels) as `fit_image` gives them, and
gives embeddings, float32 (n, D), in the same order; normalisation is its business.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.engines.capture import GraphOptions, capture_somehow
from striate.engines.messages import brief
from striate.engines.precision import has_fast_bfloat16, processor_threads
from striate.errors import ExportError, StriateError, nearest, parameter
from striate.support.packages import need
from striate.transfer_learning.backbone import Backbone

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]
#: From batches to embeddings, one for one and in order.
Engine = Callable[[Iterable[Pixels]], Iterator[Features]]

#: Images a batch. More gain nothing on a processor, and keep caches and memory busier.
BATCH = 8
ENGINES = ("openvino", "torch")
PRECISIONS = ("bfloat16", "float32")


def choose_engine(wanted: str = "auto") -> tuple[str, str]:
    """The engine and its precision: ``("openvino", "bfloat16")``.

    Args:
        wanted: ``auto``: OpenVINO if it can be had, bfloat16 if the processor multiplies it. Or
            either or both of them by name: ``torch``, ``float32``, ``torch float32``.

    Raises:
        StriateError: another word, or two of one kind.
    """
    words = wanted.split()
    known = ("auto", *ENGINES, *PRECISIONS)
    for word in words:
        if word not in known:
            raise StriateError(parameter("engine", wanted), "is unknown", nearest(word, known))
    engines = [word for word in words if word not in PRECISIONS]
    precisions = [word for word in words if word in PRECISIONS]
    if not words or len(engines) > 1 or len(precisions) > 1:
        raise StriateError(
            parameter("engine", wanted),
            "must name one engine, one precision, or one of each",
            "e.g. 'torch float32'",
        )
    usable = all(importlib.util.find_spec(each) for each in ("openvino", "onnx"))
    fast = has_fast_bfloat16(torch.device("cpu"))
    chosen = next((word for word in engines if word in ENGINES), "")
    return (
        chosen or ("openvino" if usable else "torch"),
        next(iter(precisions), "bfloat16" if fast else "float32"),
    )


def names_engine(wanted: str) -> bool:
    """Whether `wanted`, as for `choose_engine`, insists on one."""
    return any(word in ENGINES for word in wanted.split())


def make_engine(backbone: Backbone, engine: str, precision: str) -> Engine:
    """`engine` with the network of `backbone` in it, which is left as it is.

    Raises:
        ExportError: OpenVINO is missing, or cannot have the network.
    """
    if engine == "torch":
        return _torch(backbone.network, backbone.preprocessing, precision)
    need("openvino", purpose="compute features with OpenVINO", extra="export", kind=ExportError)
    try:
        return _openvino(backbone.network, backbone.preprocessing, precision)
    except ExportError as error:
        raise ExportError(
            parameter("engine", "openvino"),
            f"cannot have the network ({error.why})",
            f"take {parameter('engine', 'torch')}",
        ) from error


def _torch(network: nn.Module, preprocessing: Preprocessing, precision: str) -> Engine:
    """PyTorch on the processor, channels-last."""
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]

    def run(batches: Iterable[Pixels]) -> Iterator[Features]:
        for pixels in batches:
            inputs = preprocessing.normalise(torch.from_numpy(pixels))
            with (
                torch.inference_mode(),
                torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"),
            ):
                yield network(inputs).float().numpy()

    return run


def _openvino(network: nn.Module, preprocessing: Preprocessing, precision: str) -> Engine:
    """OpenVINO on the processor, several batches at a time where it has several streams."""
    import openvino

    example = torch.zeros(2, *preprocessing.input_size)
    options = GraphOptions(input_name="image", output_name="embedding", dynamic=("batch",))
    with torch.inference_mode():
        graph = capture_somehow(network.eval(), example, {0: "batch"}, options)
    settings = {
        "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[precision],
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_NUM_THREADS": processor_threads(1),
    }
    channels, height, width = preprocessing.input_size
    core = openvino.Core()
    try:
        model = _with_normalisation(core.read_model(graph.SerializeToString()), preprocessing)
        model.reshape([BATCH, height, width, channels])  # a fixed size is compiled better
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:  # OpenVINO has no error family of its own
        raise ExportError("OpenVINO", f"cannot run it ({brief(error)})") from error
    streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    # One more than there are streams, so that none waits while a result is taken out.
    requests = [compiled.create_infer_request() for _ in range(streams + 1)]

    def run(batches: Iterable[Pixels]) -> Iterator[Features]:
        return _in_parallel(requests, batches)

    return run


def _with_normalisation(model: Any, preprocessing: Preprocessing) -> Any:
    """`model` taking the pixels themselves: uint8 (n, height, width, channels)."""
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    prepared = PrePostProcessor(model)
    image = prepared.input()
    image.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    image.model().set_layout(Layout("NCHW"))
    image.preprocess().convert_element_type(Type.f32).mean(
        [255 * value for value in preprocessing.mean]
    ).scale([255 * value for value in preprocessing.std])
    return prepared.build()


def _in_parallel(requests: list[Any], batches: Iterable[Pixels]) -> Iterator[Features]:
    """Embeddings of `batches` in their order, as many computed at a time as there are `requests`.

    Results are waited for, in order, and nothing is called back: a callback takes Python's lock on
    a thread of OpenVINO's, and who takes apart what that thread belongs to, with the lock in hand,
    waits for ever.
    """
    free = deque(requests)
    running: deque[tuple[Any, int]] = deque()

    def oldest() -> Features:
        request, size = running.popleft()
        request.wait()
        free.append(request)
        features: Features = request.get_output_tensor(0).data[:size].copy()
        return features

    try:
        for pixels in batches:
            done = None if free else oldest()
            # The last batch is filled up.
            full = np.concatenate([pixels, pixels[:1].repeat(BATCH - len(pixels), axis=0)])
            request = free.popleft()
            request.start_async([full])
            running.append((request, len(pixels)))
            if done is not None:
                yield done
        while running:
            yield oldest()
    finally:
        for request, _ in running:  # of a caller who wants no more
            request.cancel()
            with suppress(RuntimeError):  # which says that it was cancelled
                request.wait()
