"""From a module to an ONNX graph, by any of the three ways that PyTorch knows."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from striate.engines.messages import brief
from striate.engines.packages import need
from striate.engines.seam import PIXELS
from striate.errors import ExportError, nearest, parameter

if TYPE_CHECKING:
    import onnx

Capture = Literal["export", "trace", "script"]
AXES = ("batch", "height", "width")
OLDEST_OPSET: Mapping[str, int] = {"export": 18, "trace": 12, "script": 12}
"""The new exporter has none below 18; integer `Max`, which the resize needs, came with 12."""
NEWEST_TORCHSCRIPT_OPSET = 20
QUICKEST_FIRST: tuple[Capture, ...] = ("trace", "export")
"""A trace takes a tenth of the time that torch.export does, which captures what a trace cannot."""


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """What a person can choose about the graph.

    Args:
        opset: version of the operators; 18 where the person does not say.
        input_name: name of the graph's input.
        output_name: name of its output.
        dynamic: which of ``batch``, ``height``, ``width`` may differ from run to run.
        params: whether the weights are inside; else they are further inputs of the graph.
        capture: ``export`` (torch.export), ``trace`` or ``script`` (TorchScript).

    Raises:
        ExportError: a value is none of these.
    """

    opset: int = 18
    input_name: str = "image"
    output_name: str = "probabilities"
    dynamic: tuple[str, ...] = AXES
    params: bool = True
    capture: Capture = "export"

    def __post_init__(self) -> None:
        if self.capture not in get_args(Capture):
            remedy = nearest(self.capture, get_args(Capture))
            raise ExportError(parameter("capture", self.capture), "there is no such way", remedy)
        for axis in self.dynamic:
            if axis not in AXES:
                raise ExportError(
                    parameter("dynamic", axis), "there is no such axis", nearest(axis, AXES)
                )
        if ("height" in self.dynamic) != ("width" in self.dynamic):
            given = ",".join(self.dynamic)
            raise ExportError(
                parameter("dynamic", given),
                "height and width are free together, or both the network's own",
                "name both or neither",
            )
        if not self.input_name or not self.output_name or self.input_name == self.output_name:
            raise ExportError(
                f"{parameter('input_name', self.input_name)} and "
                f"{parameter('output_name', self.output_name)}",
                "must be two names, and different",
            )
        for name in ("input_name", "output_name"):
            if getattr(self, name) == PIXELS:
                raise ExportError(
                    parameter(name, PIXELS),
                    "is what the tensor between pre-processing and network is called",
                    "choose another name",
                )
        if self.opset < OLDEST_OPSET[self.capture] or self.opset > self.newest_opset:
            raise ExportError(parameter("opset", self.opset), *self._opsets())

    @property
    def any_size(self) -> bool:
        """Whether images of any height and width go in."""
        return "height" in self.dynamic

    def renamed(self, input_name: str) -> GraphOptions:
        """The same with another input."""
        return replace(self, input_name=input_name)

    @property
    def newest_opset(self) -> int:
        """The newest that this way of capturing can give and ONNX Runtime can run."""
        if self.capture != "export":
            return NEWEST_TORCHSCRIPT_OPSET
        newest = OLDEST_OPSET["export"] if self.opset <= OLDEST_OPSET["export"] else _newest_opset()
        return max(newest, OLDEST_OPSET["export"])

    def _opsets(self) -> tuple[str, str]:
        """Why the opset cannot be had, and which can."""
        oldest, newest = OLDEST_OPSET[self.capture], self.newest_opset
        way = parameter("capture", self.capture)
        if self.capture != "export":
            return f"{way} cannot give it", f"choose {oldest} to {newest}"
        if self.opset > newest:
            return (
                "ONNX Runtime, which it is verified in, cannot run it",
                f"choose {oldest} to {newest}",
            )
        return (
            f"{way} cannot give it",
            f"choose {oldest} to {_newest_opset()}, or 12 to 17 with "
            f"{parameter('capture', 'trace')}",
        )


@functools.cache
def _newest_opset() -> int:
    """The newest opset that the installed onnx writes and the installed ONNX Runtime runs.

    ONNX Runtime tells it to nobody but refuses what it does not know, so it is asked with graphs
    of one operator.
    """
    onnx = need("onnx")
    runtime = need("onnxruntime")
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 4
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "opset", ends[:1], ends[1:])
    for opset in range(int(onnx.defs.onnx_opset_version()), OLDEST_OPSET["export"], -1):
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
        model.ir_version = 8  # of all that is asked for, only the opset may be too new
        with contextlib.suppress(Exception):  # of a kind that it does not export
            runtime.InferenceSession(
                model.SerializeToString(), quiet, providers=["CPUExecutionProvider"]
            )
            return opset
    return OLDEST_OPSET["export"]


def capture_somehow(
    module: nn.Module, example: Tensor, axes: Mapping[int, str], options: GraphOptions
) -> onnx.ModelProto:
    """`capture` in the first way of `QUICKEST_FIRST` that there is for `module`.

    Raises:
        ExportError: there is none; says why the last one failed.
    """
    for way in QUICKEST_FIRST[:-1]:
        with contextlib.suppress(ExportError):
            return capture(module, example, axes, replace(options, capture=way))
    return capture(module, example, axes, replace(options, capture=QUICKEST_FIRST[-1]))


def capture(
    module: nn.Module, example: Tensor, axes: Mapping[int, str], options: GraphOptions
) -> onnx.ModelProto:
    """The ONNX graph of `module`, with the initialisers named as its parameters.

    Args:
        module: in evaluation mode, on the CPU; its child ``network`` holds the weights.
        example: an input; along every axis in `axes` of a length other than 1, which would be
            fixed.
        axes: names of the example's axes that may differ from run to run.
        options: name the ends and say which way.

    Raises:
        ExportError: PyTorch cannot capture the module, or gives another opset than it was asked
            for.
    """
    load = need("onnx").load_from_string
    if options.capture == "export":
        need("onnxscript")
    chatter = io.StringIO()
    try:
        with _silence(chatter):
            if options.capture == "export":
                model = _capture_export(module, example, axes, options)
            else:
                model = load(_capture_torchscript(module, example, axes, options))
    except Exception as error:  # the exporters let errors of every kind through
        error.add_note(chatter.getvalue())
        others = [way for way in get_args(Capture) if way != options.capture]
        raise ExportError(
            parameter("capture", options.capture),
            f"PyTorch cannot capture the network so ({brief(error)})",
            f"try {parameter('capture', others[0])} or {parameter('capture', others[1])}",
        ) from error
    given = {entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")}
    if given != {options.opset}:
        raise ExportError(
            parameter("opset", options.opset),
            f"the exporter of torch {torch.__version__} gave {sorted(given)} instead",
            f"leave it out, or use {parameter('capture', 'trace')}",
        )
    _strip(model)
    _spell_out(model)
    return model


def _capture_export(
    module: nn.Module, example: Tensor, axes: Mapping[int, str], options: GraphOptions
) -> onnx.ModelProto:
    dimensions = {axis: torch.export.Dim(name) for axis, name in axes.items()}
    program = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        opset_version=options.opset,
        input_names=[options.input_name],
        output_names=[options.output_name],
        dynamic_shapes=(dimensions,),
        external_data=False,
        # Folding batch norm into convolutions would leave the weights' names on other numbers.
        optimize=options.params,
        verbose=False,
    )
    assert program is not None  # it is None only with dynamo=False
    model: onnx.ModelProto = program.model_proto
    return model


def _capture_torchscript(
    module: nn.Module, example: Tensor, axes: Mapping[int, str], options: GraphOptions
) -> bytes:
    written = io.BytesIO()
    named = {options.input_name: dict(axes)}
    if 0 in axes:
        named[options.output_name] = {0: axes[0]}
    mode = torch.onnx.TrainingMode
    torch.onnx.export(
        torch.jit.script(module) if options.capture == "script" else module,
        (example,),
        written,  # type: ignore[arg-type]  # torch's hint leaves out what this exporter takes
        dynamo=False,
        opset_version=options.opset,
        input_names=[options.input_name],
        output_names=[options.output_name],
        dynamic_axes=named,
        do_constant_folding=options.params,
        # As above: only EVAL folds batch norm into convolutions. The module itself is in evaluation
        # mode either way.
        training=mode.EVAL if options.params else mode.PRESERVE,
    )
    return written.getvalue()


def _strip(model: onnx.ModelProto) -> None:
    """Take out what the exporters note on every node: paths of this machine, half a small file.

    So go the shapes of what is computed in between: every engine works them out, and one that is
    told the size of a batch (tract) is not contradicted by an axis that is called ``batch``.
    """
    for graph in graphs_of(model.graph):
        for noted in (graph, *graph.node, *graph.initializer):
            noted.ClearField("doc_string")
            noted.ClearField("metadata_props")
        graph.ClearField("value_info")


def _spell_out(model: onnx.ModelProto) -> None:
    """Write down a default that OpenCV and tract do not know: `ConstantOfShape` gives zeros."""
    onnx = need("onnx")
    for graph in graphs_of(model.graph):
        for node in graph.node:
            if node.op_type == "ConstantOfShape" and not node.attribute:
                zero = onnx.numpy_helper.from_array(np.zeros(1, np.float32))
                node.attribute.append(onnx.helper.make_attribute("value", zero))


def weights_to_inputs(model: onnx.ModelProto, names: Sequence[str]) -> list[str]:
    """Turn the weights of the child ``network`` from constants into inputs, in place.

    `names` are the keys of the network's state; the inputs are called so, and returned.
    """
    onnx = need("onnx")
    known = {f"network.{name}": name for name in names}
    renamed: dict[str, str] = {}
    for weight in list(model.graph.initializer):
        if weight.name in known:
            name = renamed[weight.name] = known[weight.name]
            value = onnx.helper.make_tensor_value_info(name, weight.data_type, weight.dims)
            model.graph.input.append(value)
            model.graph.initializer.remove(weight)
    for graph in graphs_of(model.graph):
        for node in graph.node:
            node.input[:] = [renamed.get(name, name) for name in node.input]
    return list(renamed.values())


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """`graph` and the branches within it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs_of(attribute.g)


@contextlib.contextmanager
def _silence(chatter: io.StringIO) -> Iterator[None]:
    """Keep the exporters' prints, warnings and log lines out of sight, prints in `chatter`.

    TorchScript prints the whole graph of a failure past Python, so the process's own standard
    output and error go aside for as long.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    sys.stderr.flush()
    ends = [os.dup(end) for end in (1, 2)]
    with tempfile.TemporaryFile() as aside:
        try:
            for end in (1, 2):
                os.dup2(aside.fileno(), end)
            with (
                warnings.catch_warnings(),
                contextlib.redirect_stdout(chatter),
                contextlib.redirect_stderr(chatter),
            ):
                warnings.simplefilter("ignore")
                yield
        finally:
            for end, kept in zip((1, 2), ends, strict=True):
                os.dup2(kept, end)
                os.close(kept)
            logging.disable(disabled)
            aside.seek(0)
            chatter.write(aside.read().decode(errors="replace"))
