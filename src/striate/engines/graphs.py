"""A graph with several outputs in an engine, one call after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.engines.onnx_bytes import read_onnx
from striate.engines.openvino import TITLE as OPENVINO
from striate.engines.openvino import core
from striate.engines.packages import need
from striate.engines.session import in_one_line
from striate.support.closing import Closable
from striate.support.processors import processor_threads

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Engine: TypeAlias = Literal["onnxruntime", "openvino"]


class Graph(Closable):
    """All outputs of a graph for inputs of any shape, on the processor, in float32.

    Args:
        graph: serialised.
        engine: which computes. OpenVINO takes the defaults of inputs that have one for constants:
            what is given for them is left out.

    Raises:
        ExportError: the engine is missing, or cannot run the graph.
    """

    def __init__(self, graph: bytes, engine: Engine = "onnxruntime") -> None:
        make = _in_onnxruntime if engine == "onnxruntime" else _in_openvino
        self._run: Callable[[Arrays], dict[str, NDArray[Any]]] | None = make(graph)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """The outputs by their names.

        Raises:
            ExportError: the engine fails.
        """
        assert self._run is not None, "it is closed"
        return self._run(inputs)

    def close(self) -> None:
        """Free the graph."""
        self._run = None


def _in_onnxruntime(graph: bytes) -> Callable[[Arrays], dict[str, NDArray[Any]]]:
    title, runtime = "ONNX Runtime", need("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.intra_op_num_threads = processor_threads(1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with in_one_line(title):
        session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]

    def run(inputs: Arrays) -> dict[str, NDArray[Any]]:
        with in_one_line(title):
            return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def _in_openvino(graph: bytes) -> Callable[[Arrays], dict[str, NDArray[Any]]]:
    openvino = need("openvino")
    with in_one_line(OPENVINO):
        own = core(openvino)
        # Told nothing, it computes in bfloat16 where the processor multiplies that.
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = own.compile_model(own.read_model(graph), "CPU", settings)
        request = compiled.create_infer_request()
    taken = {name for each in compiled.inputs for name in each.names}
    # In the file's order; a tensor that nothing is done to has the names of both its ends.
    names = [each.name for each in read_onnx(graph).outputs]

    def run(inputs: Arrays) -> dict[str, NDArray[Any]]:
        given = {name: np.asarray(value) for name, value in inputs.items() if name in taken}
        with in_one_line(OPENVINO):
            request.infer(given)
            return {
                name: request.get_output_tensor(number).data.copy()
                for number, name in enumerate(names)
            }

    return run
