"""What computes features: OpenVINO where it is installed, else PyTorch.

An engine takes batches of pixels, uint8 (n, height, width, channels) as `fit_image` gives them, and
gives embeddings, float32 (n, D), in the same order; normalisation is its business.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.deploy.capture import GraphOptions, capture
from striate.deploy.verify import need
from striate.errors import StriateError, nearest
from striate.training.precision import has_fast_bfloat16, processor_threads
from striate.transferring.backbone import Backbone

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

    Parameters
    ----------
    wanted: ``auto``: OpenVINO if it can be had, bfloat16 if the processor multiplies it. Or either
        or both of them by name: ``torch``, ``float32``, ``torch float32``.

    Raises
    ------
    StriateError: another word.
    """
    words = [word for word in wanted.split() if word != "auto"]
    known = (*ENGINES, *PRECISIONS)
    for word in words:
        if word not in known:
            raise StriateError(f"engine '{wanted}'", "is unknown", nearest(word, ["auto", *known]))
    usable = all(importlib.util.find_spec(each) for each in ("openvino", "onnx"))
    fast = has_fast_bfloat16(torch.device("cpu"))
    engine = "openvino" if usable else "torch"
    precision = "bfloat16" if fast else "float32"
    return (
        next((word for word in words if word in ENGINES), engine),
        next((word for word in words if word in PRECISIONS), precision),
    )


def make_engine(backbone: Backbone, engine: str, precision: str) -> Engine:
    """`engine` with the network of `backbone` in it, which is left as it is.

    Raises
    ------
    ExportError: the network cannot be captured for OpenVINO, or a package is missing.
    """
    make = _openvino if engine == "openvino" else _torch
    return make(backbone.network, backbone.preprocessing, precision)


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
    openvino = need("openvino")
    example = torch.zeros(2, *preprocessing.input_size)
    # The tracing exporter takes two seconds where the newer one takes twenty.
    options = GraphOptions(
        capture="trace", input_name="image", output_name="embedding", dynamic=("batch",)
    )
    with torch.inference_mode():
        graph = capture(network.eval(), example, {0: "batch"}, options)
    core = openvino.Core()
    model = _with_normalisation(core.read_model(graph.SerializeToString()), preprocessing)
    settings = {
        "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[precision],
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_NUM_THREADS": processor_threads(1),
    }
    channels, height, width = preprocessing.input_size
    model.reshape([BATCH, height, width, channels])  # a fixed size is compiled better
    compiled = core.compile_model(model, "CPU", settings)

    def run(batches: Iterable[Pixels]) -> Iterator[Features]:
        return _in_parallel(openvino.AsyncInferQueue(compiled), batches)

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


def _in_parallel(queue: Any, batches: Iterable[Pixels]) -> Iterator[Features]:
    """Embeddings of `batches` in their order, a few computed at a time."""
    done: dict[int, Features] = {}

    def finish(request: Any, number: int) -> None:
        done[number] = request.get_output_tensor(0).data.copy()

    queue.set_callback(finish)
    sizes: list[int] = []
    given = 0
    for pixels in batches:
        sizes.append(len(pixels))
        # The last batch is filled up; waits for a free request.
        full = np.concatenate([pixels, pixels[:1].repeat(BATCH - len(pixels), axis=0)])
        queue.start_async([full], len(sizes) - 1)
        while given in done:
            yield done.pop(given)[: sizes[given]]
            given += 1
    queue.wait_all()
    for number in range(given, len(sizes)):
        yield done.pop(number)[: sizes[number]]
