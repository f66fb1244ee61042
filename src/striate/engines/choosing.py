"""Which engine computes, and a network or a graph put into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.engines.onnx_runtime import OnnxRuntimeSession
from striate.engines.openvino import OpenVinoSession
from striate.engines.session import BATCH, Feed, Session, as_it_is, channels_first
from striate.errors import ExportError, StriateError, nearest, parameter
from striate.support.packages import installed, need

if TYPE_CHECKING:
    import torch
    from torch import nn

ENGINES = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "torch": "PyTorch"}
"""Engines and what people call them."""

PRECISIONS = ("bfloat16", "float32")


def parse_engine(wanted: str) -> tuple[str, str]:
    """The engine and the precision that `wanted` names; empty where it leaves one open.

    Args:
        wanted: ``auto``, or an engine, a precision, or one of each: ``torch float32``.

    Raises:
        StriateError: another word, two of one kind, or a precision that the engine does not have.

    Examples:
        >>> parse_engine("torch float32"), parse_engine("bfloat16"), parse_engine("auto")
        (('torch', 'float32'), ('', 'bfloat16'), ('', ''))
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
    engine = "" if engines in ([], ["auto"]) else engines[0]
    precision = "".join(precisions)
    if engine == "onnxruntime" and precision == "bfloat16":
        raise StriateError(
            parameter("engine", wanted),
            "ONNX Runtime computes in float32 on a processor",
            "take 'openvino bfloat16' or 'torch bfloat16'",
        )
    return engine, precision


def choose_engine(wanted: str = "auto") -> tuple[str, str]:
    """The engine and its precision: ``("openvino", "bfloat16")``.

    Args:
        wanted: as for `parse_engine`. What it leaves open is what is quickest: OpenVINO if it can
            be had, bfloat16 if the processor multiplies it.

    Raises:
        StriateError: as `parse_engine`.
    """
    engine, precision = parse_engine(wanted)
    if not engine:
        usable = all(installed(each) for each in ("openvino", "onnx"))
        engine = "openvino" if usable else "torch"
    if not precision:
        import torch

        from striate.engines.precision import has_fast_bfloat16

        fast = engine != "onnxruntime" and has_fast_bfloat16(torch.device("cpu"))
        precision = "bfloat16" if fast else "float32"
    return engine, precision


def open_session(
    network: nn.Module,
    preprocessing: Preprocessing,
    engine: str,
    precision: str = "float32",
    *,
    device: str | torch.device = "cpu",
    batch_size: int = BATCH,
) -> Session:
    """`network` in `engine`.

    Args:
        network: gives (n, K) for images (n, C, H, W). PyTorch computes with this very module, on
            `device`; other engines capture it and leave it as it is.
        preprocessing: the network's.
        engine: a name of `ENGINES`.
        precision: a name of `PRECISIONS`.
        device: where PyTorch computes; other engines compute on the processor.
        batch_size: the most images in a batch.

    Raises:
        ExportError: the engine is missing, or cannot run the network.
    """
    if engine == "torch":
        from striate.engines.pytorch import PyTorchSession

        return PyTorchSession(
            network, preprocessing, precision=precision, device=device, batch_size=batch_size
        )
    need(engine, purpose=f"compute with {ENGINES[engine]}", extra="export", kind=ExportError)
    try:
        if engine == "onnxruntime":
            graph = _graph(network, preprocessing, of_pixels=True)
            return OnnxRuntimeSession(graph, batch_size=batch_size)
        channels, *size = preprocessing.input_size
        return OpenVinoSession(
            _graph(network, preprocessing, of_pixels=False),
            precision=precision,
            batch_size=batch_size,
            fixed=(size[0], size[1], channels),
            fill_up=True,
            normalise=preprocessing,
        )
    except ExportError as error:
        raise ExportError(
            parameter("engine", engine),
            f"cannot have the network ({error.why})",
            f"take {parameter('engine', 'torch')}",
        ) from error


def _graph(network: nn.Module, preprocessing: Preprocessing, *, of_pixels: bool) -> bytes:
    """`network` as an ONNX graph of any batch of normalised images, or of their pixels."""
    import torch

    from striate.engines.capture import GraphOptions, capture_somehow
    from striate.engines.preprocessing.compose import NORMALISED, put_before

    options = GraphOptions(
        input_name=NORMALISED if of_pixels else "image", output_name="answers", dynamic=("batch",)
    )
    example = torch.zeros(2, *preprocessing.input_size)
    with torch.inference_mode():
        graph = capture_somehow(network.eval(), example, {0: "batch"}, options)
    if of_pixels:
        put_before(
            graph,
            preprocessing,
            input_name="image",
            batch="batch",
            opset=options.opset,
            fit=False,
        )
    content: bytes = graph.SerializeToString()
    return content


def open_graph(
    graph: bytes,
    engine: str,
    precision: str = "float32",
    *,
    feed: Feed = as_it_is,
    weights: Mapping[str, NDArray[Any]] | None = None,
    batch_size: int = BATCH,
    fixed: tuple[int, int, int] | None = None,
    planes: bool = False,
    streams: int = 1,
) -> Session:
    """A serialised ONNX graph in `engine`, ONNX Runtime or OpenVINO.

    Args:
        graph: its first input takes batches of images, its first output is the answer.
        engine: ``onnxruntime`` or ``openvino``.
        precision: a name of `PRECISIONS`; ONNX Runtime has float32 alone.
        feed: makes of a batch of pixels what the graph takes.
        weights: further inputs by name, where the graph's weights are inputs.
        batch_size: the most images in a batch.
        fixed: the shape of an image where all batches have the same, as the graph takes it.
        planes: the graph takes pixels with their channels first; it is fed as others are, uint8
            (n, height, width, channels).
        streams: how many batches are computed at a time, where all have one shape.

    Raises:
        ExportError: the engine is missing, or cannot run the graph.
    """
    if engine == "onnxruntime":
        return OnnxRuntimeSession(
            graph,
            feed=channels_first if planes else feed,
            weights=weights,
            batch_size=batch_size,
            streams=streams,
        )
    return OpenVinoSession(
        graph,
        feed=feed,
        weights=weights,
        precision=precision,
        batch_size=batch_size,
        fixed=fixed,
        planes=planes,
        streams=streams,
    )
