"""A run as one ONNX file: pre-processing, network and what it answers, proved before it counts."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.deploy import ensembles
from striate.deploy.answering import Answering, answering_of, refuse_for_numbers
from striate.deploy.cam.output import add_heat_map
from striate.deploy.decision import add_decision
from striate.deploy.trial import Trial, Verified, with_distinct_weights
from striate.engines.capture import (
    AXES,
    QUICKEST_FIRST,
    Capture,
    GraphOptions,
    capture,
    weights_to_inputs,
)
from striate.engines.exported import SUFFIX, THRESHOLD
from striate.engines.heat_maps import HEAT_MAP
from striate.engines.packages import need
from striate.engines.preprocessing.compose import NORMALISED, put_before
from striate.engines.seam import PIXELS
from striate.errors import ExportError, parameter
from striate.runs.run import Run
from striate.runs.samples import read_samples, sample_names
from striate.support.files import WriteError, output_file, sweep, write_atomically
from striate.support.shown import Readable
from striate.support.text import printable
from striate.support.words import listing

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from striate.data.preprocessing import Preprocessing
    from striate.deploy.quantise.quantise import QuantiseReport

DEFAULT_OPSET = 18
LARGEST_FILE = 2**31 - 1  # protobuf's limit; the zoo's largest networks have a quarter of it


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One end of the graph."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    """Numbers, or the name of an axis that may differ from run to run."""


@dataclass(frozen=True, kw_only=True)
class ExportReport(Readable):
    """What was written, and how well it agrees."""

    file: Path
    bytes: int
    opset: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    takes: str
    """What goes in, in words, as in the file's metadata."""
    classes: int
    """How many there are; none of a run of numbers."""
    verified: Verified
    targets: tuple[str, ...] = ()
    """What its numbers are, with their units; none of a run of classes."""
    int8: QuantiseReport | None = None
    """The same in 8 bits, where that was asked for."""

    def summary(self) -> str:
        """What a person wants to know about the file, in a few lines."""
        verified = self.verified
        ends = [*self.inputs[:1], *self.outputs]
        answers, of = f"{self.classes} classes", ""
        what = "probabilities"
        if self.targets:
            answers, of = listing([printable(each) for each in self.targets]), " deviations"
            what = "values"
        lines = [
            f"{self.file}",
            f"  {self.bytes / 1e6:.1f} MB, opset {self.opset}, {answers}",
            *(f"  {end.name}: {end.dtype} ({', '.join(map(str, end.shape))})" for end in ends),
            f"  takes {self.takes}",
            f"  verified on {verified.images} images: {what} equal PyTorch's to "
            f"{verified.onnxruntime:.1g}{of} in ONNX Runtime, {verified.openvino:.1g} in OpenVINO",
        ]
        if len(self.inputs) > 1:
            lines.insert(3, f"  and {len(self.inputs) - 1} weights as inputs, named as in the run")
        if verified.pipeline is not None:
            pixels = ""
            if verified.pixel_levels is not None:
                pixels = f"pixels to {verified.pixel_levels:g} of 255 levels, "
            lines.append(
                f"  and those of evaluation's own pre-processing: {pixels}{what} to "
                f"{verified.pipeline:.1g}{of}"
            )
        if verified.heat_maps is not None:
            lines.append(
                "  heat maps equal those by PyTorch's gradients to "
                f"{verified.heat_maps:.1g} of the largest number"
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        int8 = None if self.int8 is None else self.int8.to_json()
        return {**asdict(replace(self, int8=None)), "file": str(self.file), "int8": int8}


def export_run(
    run: Run,
    output: Path,
    images: Sequence[NDArray[np.uint8]],
    *,
    names: Sequence[str] | None = None,
    opset: int | None = None,
    input_name: str = "image",
    output_name: str | None = None,
    dynamic: Iterable[str] = AXES,
    params: bool = True,
    capture: Capture = "export",
    preprocess: bool = True,
    cam: bool = False,
    threshold: float | None = None,
) -> ExportReport:
    """Write the network of `run` as an ONNX file, proved on `images` before it is put in place.

    The graph takes uint8 (batch, height, width, channels), as decoders give images (RGB, or one
    channel for a network of grey images), and gives float32 (batch, classes), the probabilities; of
    a run of numbers float32 (batch, targets), the values in their own units. The images of a batch
    share one size, which is free, and so is their number.

    Without ``height`` and ``width`` in `dynamic`, the graph takes pictures of the network's own
    size, which are resized and cropped or padded already, as `Preprocessing.fit_image` does:
    nothing is resized in it. Without ``batch``, it takes one.

    The file's metadata hold ``classes`` (JSON list in the order of the outputs) or ``targets``
    (likewise, each with its unit, range and scale among the training images, and half
    widths of its prediction intervals), ``network``, ``variant``, ``run`` (its configuration
    digest), ``preprocessing`` (JSON), ``epochs`` (JSON: how many were ``done`` of how many
    ``planned``), ``temperature`` (JSON: what the logits are divided by in the graph, 1 unless the
    run was calibrated), ``input`` (what goes in, in words), ``pixels`` (the tensor between
    pre-processing and network, where `striate.engines.seam` cuts it) and ``producer``.

    Args:
        run: a trained run.
        output: the file to write, ending in ``.onnx``; an older one stays until the new one is
            proved.
        images: real images, uint8 (H, W, 1 or 3), of any sizes.
        names: what to call each image in an error.
        opset: version of the ONNX operators, 18 unless given.
        input_name: name of the graph's input.
        output_name: name of its output; None for ``probabilities``, or ``value`` of numbers.
        dynamic: which of ``batch``, ``height``, ``width`` are free; the last two go together.
        params: False makes the weights inputs of the graph, named as in ``model.safetensors``.
        capture: ``export`` (torch.export), ``trace`` or ``script`` (TorchScript, for older opsets).
        preprocess: False leaves the pre-processing out: the input is then float32 (batch, channels,
            height, width), normalised, at the network's own height and width.
        cam: True adds heat maps, as `striate.deploy.cam.output.add_heat_map` describes them; the
            metadata then hold ``heatmap`` as well.
        threshold: adds an output, as `striate.deploy.decision.add_decision` describes it; the
            metadata then hold ``threshold``.

    Raises:
        ExportError: an option cannot be met, an engine is missing, the graph does not compute what
            PyTorch computes (the message says by how much, on which image, in which engine), or the
            file cannot be written. Whatever was at `output` is then still there.
    """
    answering = answering_of(run)
    refuse_for_numbers(run, cam=cam, threshold=threshold)
    options = GraphOptions(
        opset=DEFAULT_OPSET if opset is None else opset,
        input_name=input_name,
        output_name=answering.output_name if output_name is None else output_name,
        dynamic=tuple(dynamic),
        params=params,
        capture=capture,
    )
    if cam and not (params and preprocess):
        raise ExportError(
            parameter("cam"),
            "goes into files with their weights and their pre-processing inside",
            "leave it out, or have both inside",
        )
    for package in ("onnx", "onnxruntime", "openvino"):
        need(package)
    if not images:
        raise ExportError("the exported graph", "there is no image to verify it with")
    output = output_file(output, SUFFIX, kind=ExportError)
    sweep(output)
    if run.has_members and ensembles.sees_several(run):
        asked = {"preprocess": not preprocess, "cam": cam, "threshold": threshold is not None}
        ensembles.refuse_parts(run, options, **asked)
        model = ensembles.ensemble_graph(run, options, answering)
        content = _bytes(model, output)
        verified = ensembles.verify_ensemble(run, content, images, names, answering)
    else:
        network = run.network().eval().requires_grad_(requires_grad=False)
        fit = preprocess and options.any_size
        # Before PyTorch computes with the network, which it turns in memory for that.
        model = _graph(
            run,
            network,
            options,
            answering,
            fit=fit,
            preprocess=preprocess,
            cam=cam,
            threshold=threshold,
        )
        content = _bytes(model, output)
        trial = Trial(
            network,
            run.preprocessing,
            images,
            names=names,
            options=options,
            fit=fit,
            normalise=preprocess,
            answering=answering,
        )
        weights = [value.name for value in _inputs(model)[1:]]
        verified = trial.verify(content, weights, threshold)
    _write(content, output)
    return ExportReport(
        file=output,
        bytes=len(content),
        opset=options.opset,
        inputs=tuple(_describe(value) for value in _inputs(model)),
        outputs=tuple(_describe(value) for value in model.graph.output),
        takes=_metadata(model)["input"],
        classes=len(run.classes),
        targets=tuple(each.described for each in run.targets),
        verified=verified,
    )


def export_into(run: Run) -> Path:
    """Write `run` as an ONNX file into its own folder, captured in the quickest way that is right.

    A trace takes a tenth of the time that torch.export does. What it may get wrong, a decision that
    depends on the size of an image, is found when the file is verified: on half of the kept images,
    which differ in size, since every size costs the engines as much as another compilation.

    Raises:
        ExportError: as `export_run`, in every way.
    """
    target, images = run.path / f"{run.config.stem}{SUFFIX}", read_samples(run)[::2]
    names, (*quick, last) = sample_names(run)[::2], QUICKEST_FIRST
    for way in quick:
        with suppress(ExportError):
            return export_run(run, target, images, names=names, capture=way).file
    return export_run(run, target, images, names=names, capture=last).file


def _heat_map(model: onnx.ModelProto, run: Run, network: nn.Module, opset: int) -> str:
    """Give `model` heat maps; what the metadata say of them, and where their positions lie."""
    from striate.inference.explaining.last_map import laid_of

    told = json.loads(add_heat_map(model, opset))
    laid = laid_of(network, run.preprocessing.input_size, tuple(told["grid"]))
    return json.dumps(told | ({"laid": laid} if laid else {}))


def _graph(
    run: Run,
    network: nn.Module,
    options: GraphOptions,
    answering: Answering,
    *,
    fit: bool,
    preprocess: bool,
    cam: bool,
    threshold: float | None,
) -> onnx.ModelProto:
    """The ONNX graph with its metadata."""
    import torch

    weights = network if options.params else with_distinct_weights(network)
    module = answering.behind(weights, temperature=answering.temperature)
    batch = "batch" if "batch" in options.dynamic else 1
    # A free axis is longer than 1 in the example: the exporter would fix a single one.
    example = torch.zeros(2 if batch == "batch" else 1, *run.preprocessing.input_size)
    inner = options.renamed(NORMALISED) if preprocess else options
    model = capture(module.eval(), example, {0: "batch"} if batch == "batch" else {}, inner)
    if not options.params:
        weights_to_inputs(model, list(network.state_dict()))
    heat_maps = {HEAT_MAP: _heat_map(model, run, network, options.opset)} if cam else {}
    if threshold is not None:
        add_decision(model, options.opset, threshold)
    if preprocess:
        put_before(
            model,
            run.preprocessing,
            input_name=options.input_name,
            batch=batch,
            opset=options.opset,
            fit=fit,
        )
    ours = importlib.metadata.version("striate")
    model.producer_name, model.producer_version = "striate", ours
    takes = _takes(run.preprocessing, batch, fit=fit, preprocess=preprocess)
    metadata = {
        **answering.metadata(),
        "network": run.config.network,
        "variant": json.dumps(dict(run.config.variant)),
        "run": run.config.identity,
        "preprocessing": json.dumps(run.preprocessing.to_dict()),
        "epochs": json.dumps({"done": run.epochs_done, "planned": run.config.epochs}),
        "temperature": json.dumps(answering.temperature),
        "input": takes,
        **({PIXELS: PIXELS} if preprocess else {}),
        **heat_maps,
        **({} if threshold is None else {THRESHOLD: json.dumps(threshold)}),
        "producer": f"striate {ours}",
    }
    need("onnx").helper.set_model_props(model, metadata)
    return model


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What must be given: not what has a default."""
    constants = {each.name for each in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in constants]


def _takes(preprocessing: Preprocessing, batch: str | int, *, fit: bool, preprocess: bool) -> str:
    """What goes in, in words."""
    channels, height, width = preprocessing.input_size
    colours = "RGB" if channels == 3 else "grey"
    if not preprocess:
        return (
            f"float32 ({batch}, {channels}, {height}, {width}), {colours}, images that are fitted "
            f"({_fitted(preprocessing)}) and then normalised"
        )
    if fit:
        return f"uint8 ({batch}, height, width, {channels}), {colours}, images of any size"
    return (
        f"uint8 ({batch}, {height}, {width}, {channels}), {colours}, images that are fitted "
        f"already: {_fitted(preprocessing)}"
    )


def _fitted(preprocessing: Preprocessing) -> str:
    """How an image comes to the network's size, in words."""
    how = f"{preprocessing.interpolation}, antialiased"
    size = f"{preprocessing.height} x {preprocessing.width}"
    if preprocessing.fit == "pad":
        return (
            f"the longer side resized to {preprocessing.resize} ({how}), in the middle of {size} "
            f"of grey level {preprocessing.fill}"
        )
    return f"the shorter side resized to {preprocessing.resize} ({how}), the middle {size} kept"


def _metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _describe(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype = need("onnx").helper.tensor_dtype_to_np_dtype(kind.elem_type)
    shape = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
    return Tensor(name=value.name, dtype=str(dtype), shape=shape)


def _bytes(model: onnx.ModelProto, output: Path) -> bytes:
    if model.ByteSize() > LARGEST_FILE:
        raise ExportError(str(output), "would be larger than 2 GiB", "which ONNX files cannot be")
    content: bytes = model.SerializeToString()
    return content


def _write(content: bytes, output: Path) -> None:
    try:
        write_atomically(output, content)
    except WriteError as error:
        raise ExportError(
            error.what, error.why, f"{error.remedy}, or choose another file"
        ) from error
