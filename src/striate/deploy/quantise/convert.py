"""From a float network to an integer one, by ONNX Runtime's static quantisation.

Activations become uint8, weights int8 with a scale for each output channel; the file says so by
pairs of `QuantizeLinear` and `DequantizeLinear` (QDQ), which every engine makes integer kernels of.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from striate.deploy.quantise.graph import INTEGER, integer_nodes, prune
from striate.engines.packages import need
from striate.engines.session import in_one_line

if TYPE_CHECKING:
    import onnx

OLDEST_OPSET = 13
"""Scales of single channels came with it."""


def ranges(network: onnx.ModelProto, batches: Iterable[NDArray[Any]]) -> Any:
    """The least and the greatest value of every tensor of a prepared network over `batches`.

    Args:
        network: prepared; has one input.
        batches: what it takes.

    Returns:
        What `converted` takes; ONNX Runtime's own.

    Raises:
        ExportError: ONNX Runtime cannot run the network.
    """
    need("onnxruntime")
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    name = network.graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # of a package without types
        """One batch after the other."""

        def __init__(self) -> None:
            self._batches = iter(batches)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(self._batches, None)
            return None if batch is None else {name: batch}

    with tempfile.TemporaryDirectory(prefix="striate-") as folder, quiet():
        file = Path(folder) / "network.onnx"
        file.write_bytes(network.SerializeToString())
        with in_one_line("ONNX Runtime"):
            calibrator = create_calibrator(
                file,
                list(INTEGER),
                augmented_model_path=str(Path(folder) / "ranges.onnx"),
                calibrate_method=CalibrationMethod.MinMax,
            )
            calibrator.collect_data(Reader())
            return calibrator.compute_data()


def converted(
    network: onnx.ModelProto, found: Any, *, bits: int, floats: Collection[str] = ()
) -> onnx.ModelProto:
    """A prepared network with integers in it.

    Args:
        network: prepared; is left as it is.
        found: its `ranges`.
        bits: of weights: 8, or 7 for processors that add two products in 16 bits, where those of 8
            bits overflow.
        floats: names of layers that stay float, each with what follows it up to the next.

    Raises:
        ExportError: ONNX Runtime cannot convert it.
    """
    need("onnxruntime")
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    package = need("onnx")
    chosen = integer_nodes(network, floats)
    copy = package.ModelProto()
    copy.CopyFrom(network)
    with quiet(), in_one_line("ONNX Runtime"):
        copy = package.shape_inference.infer_shapes(copy)
        quantizer = QDQQuantizer(
            copy,
            True,  # a scale for each channel
            bits < 8,
            QuantType.QInt8,
            QuantType.QUInt8,
            found,
            chosen,
            [],
            list(INTEGER),
            {},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
        made: onnx.ModelProto = quantizer.model.model
    del made.metadata_props[:]
    made.metadata_props.extend(network.metadata_props)
    made.graph.ClearField("value_info")
    made.graph.value_info.extend(network.graph.value_info)
    made.producer_name, made.producer_version = network.producer_name, network.producer_version
    prune(made)
    return made


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what ONNX Runtime's quantiser logs out of sight while the block runs."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)
