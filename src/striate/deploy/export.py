"""A run as one ONNX file: pre-processing, network and class names, proved before it counts."""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from striate.data.preprocessing import resize, with_channels
from striate.deploy.capture import (
    AXES,
    Capture,
    GraphOptions,
    capture,
    weights_to_inputs,
    with_distinct_weights,
)
from striate.deploy.preprocess_graph import Deployed, PreprocessGraph
from striate.deploy.verify import ENGINES, Case, brief, check_pipeline, compare, need
from striate.errors import ExportError
from striate.runs.run import Run

if TYPE_CHECKING:
    import onnx

DEFAULT_OPSET = 18
TOGETHER = 8  # images that PyTorch answers at once; more gain nothing on a processor
LARGEST_FILE = 2**31 - 1  # protobuf's limit; the zoo's largest networks have a quarter of it


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One end of the graph."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    """Numbers, or the name of an axis that may differ from run to run."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Largest differences found; of probabilities, but for `pixel_levels`."""

    images: int
    onnxruntime: float
    """Between ONNX Runtime and PyTorch, on the same graph."""
    openvino: float
    """Between OpenVINO (in float32) and PyTorch, on the same graph."""
    pipeline: float | None
    """Between the graph and evaluation's own pipeline, in PyTorch. None without pre-processing."""
    pixel_levels: float | None
    """The same for a pre-processed pixel, of 255 levels."""


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was written, and how well it agrees."""

    file: Path
    bytes: int
    opset: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    classes: int
    verified: Verified

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "file": str(self.file)}


def export_run(
    run: Run,
    output: Path,
    images: Sequence[NDArray[np.uint8]],
    *,
    names: Sequence[str] | None = None,
    opset: int | None = None,
    input_name: str = "image",
    output_name: str = "probabilities",
    dynamic: Iterable[str] = AXES,
    params: bool = True,
    capture: Capture = "export",
    preprocess: bool = True,
) -> ExportReport:
    """Write the network of `run` as an ONNX file, proved on `images` before it is put in place.

    The graph takes uint8 (batch, height, width, channels), as decoders give images (RGB, or one
    channel for a network of grey images), and gives float32 (batch, classes), the probabilities.
    The images of a batch share one size; that size and the number of images are free, unless
    `dynamic` leaves them out: then the batch is one image, and height and width are those of
    `images` where they share them, else those of the network's input.

    The file's metadata hold ``classes`` (JSON list in the order of the outputs), ``network``,
    ``variant``, ``run`` (the digest of all that determines it), ``preprocessing`` (JSON),
    ``epochs`` (JSON: how many were ``done`` and how many ``planned``), ``input`` (what goes in, in
    words) and ``producer``.

    Parameters
    ----------
    run: a trained run.
    output: the file to write, ending in ``.onnx``; an older one stays until the new one is proved.
    images: real images, uint8 (H, W, 1 or 3), of any sizes.
    names: what to call each image in an error.
    opset: version of the ONNX operators, 18 unless given.
    input_name, output_name: names of the graph's ends.
    dynamic: which of ``batch``, ``height``, ``width`` are free.
    params: False makes the weights inputs of the graph, named as in ``model.safetensors``.
    capture: ``export`` (torch.export), ``trace`` or ``script`` (TorchScript, for older opsets).
    preprocess: False leaves the pre-processing out: the input is then float32 (batch, channels,
        height, width), normalised, at the network's own height and width.

    Raises
    ------
    ExportError: an option cannot be met, an engine is missing, the graph does not compute what
        PyTorch computes (the message says by how much, on which image, in which engine), or the
        file cannot be written. Whatever was at `output` is then still there.
    """
    options = GraphOptions(
        opset=DEFAULT_OPSET if opset is None else opset,
        input_name=input_name,
        output_name=output_name,
        dynamic=tuple(dynamic),
        params=params,
        capture=capture,
    )
    for package in ("onnx", "onnxruntime", "openvino"):
        need(package)
    if not images:
        raise ExportError("the exported graph", "there is no image to verify it with")
    output = output.expanduser().resolve()
    part = _reserve(output)
    try:
        trial = _Trial(run, images, names=names, options=options, preprocess=preprocess)
        model = trial.graph()
        _write(part, output, model)
        cases = trial.cases()
        pixel_levels, pipeline = trial.check_pipeline(cases) if preprocess else (None, None)
        with ThreadPoolExecutor(len(ENGINES)) as pool:  # the engines let go of Python's lock
            found = pool.map(lambda engine: compare(part, engine, cases), ENGINES)
            differences = dict(zip(ENGINES, found, strict=True))
        verified = Verified(
            images=len(images),
            onnxruntime=differences["onnxruntime"],
            openvino=differences["openvino"],
            pipeline=pipeline,
            pixel_levels=pixel_levels,
        )
        _move(part, output)
    finally:
        part.unlink(missing_ok=True)
    return ExportReport(
        file=output,
        bytes=output.stat().st_size,
        opset=options.opset,
        inputs=tuple(_describe(value) for value in model.graph.input),
        outputs=tuple(_describe(value) for value in model.graph.output),
        classes=len(run.classes),
        verified=verified,
    )


class _Trial:
    """The graph of one export and the cases that it must pass."""

    def __init__(
        self,
        run: Run,
        images: Sequence[NDArray[np.uint8]],
        *,
        names: Sequence[str] | None,
        options: GraphOptions,
        preprocess: bool,
    ) -> None:
        self.run, self.options, self.preprocess = run, options, preprocess
        self.network = run.network().eval().requires_grad_(requires_grad=False)
        self.preprocessing = run.preprocessing
        self.axes = self._axes()
        given = [with_channels(image, self.preprocessing.channels) for image in images]
        self.height, self.width = self._fixed_size(given)
        self.images = [self._at_fixed_size(image) for image in given]
        self.names = [
            f"{name} ({image.shape[0]} x {image.shape[1]})"
            for name, image in zip(
                names or [f"image {number}" for number in range(1, len(given) + 1)],
                given,
                strict=True,
            )
        ]
        self.deployed = Deployed(self.network, self.preprocessing if preprocess else None).eval()
        self.inputs: list[str] = []
        self.levels: list[torch.Tensor] = []

    def _axes(self) -> dict[int, str]:
        """The free axes of the input. Without pre-processing the size is the network's own."""
        offered = AXES if self.preprocess else AXES[:1]
        return {at: name for at, name in enumerate(offered) if name in self.options.dynamic}

    def _fixed_size(self, images: Sequence[NDArray[np.uint8]]) -> tuple[int, int]:
        """(height, width) of a graph that fixes them."""
        heights, widths = ({image.shape[axis] for image in images} for axis in (0, 1))
        return (
            heights.pop() if len(heights) == 1 else self.preprocessing.height,
            widths.pop() if len(widths) == 1 else self.preprocessing.width,
        )

    def _at_fixed_size(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`image`, resized along the axes that the graph fixes."""
        if not self.preprocess:
            return image
        height = image.shape[0] if 1 in self.axes else self.height
        width = image.shape[1] if 2 in self.axes else self.width
        return resize(image, height, width)

    def graph(self) -> onnx.ModelProto:
        """The ONNX graph with its metadata."""
        module = self.deployed
        if not self.options.params:
            inside = self.preprocessing if self.preprocess else None
            module = Deployed(with_distinct_weights(self.network), inside).eval()
        model = capture(module, self._example(), self.axes, self.options)
        if not self.options.params:
            self.inputs = weights_to_inputs(model, list(self.network.state_dict()))
        model.producer_name = "striate"
        model.producer_version = importlib.metadata.version("striate")
        need("onnx").helper.set_model_props(model, self._metadata())
        return model

    def _example(self) -> torch.Tensor:
        """An input of zeros, free axes longer than 1: the exporter would fix a single one."""
        batch = 2 if 0 in self.axes else 1
        if not self.preprocess:
            return torch.zeros(batch, *self.preprocessing.input_size)
        height = self.height + 2 if 1 in self.axes else self.height
        width = self.width + 3 if 2 in self.axes else self.width
        return torch.zeros(batch, height, width, self.preprocessing.channels, dtype=torch.uint8)

    def _metadata(self) -> dict[str, str]:
        colours = "RGB" if self.preprocessing.channels == 3 else "grey"
        taken = f"uint8 (batch, height, width, channels), {colours}"
        if not self.preprocess:
            taken = f"float32 (batch, channels, height, width), {colours}, already pre-processed"
        config = self.run.config
        return {
            "classes": json.dumps(self.run.classes),
            "network": config.network,
            "variant": json.dumps(dict(config.variant)),
            "run": config.identity,
            "preprocessing": json.dumps(self.preprocessing.to_dict()),
            "epochs": json.dumps({"done": self.run.epochs_done, "planned": config.epochs}),
            "input": taken,
            "producer": f"striate {importlib.metadata.version('striate')}",
        }

    def cases(self) -> list[Case]:
        """Every image alone, and where the batch is free also one with its mirror images."""
        batches = [(name, [image]) for name, image in zip(self.names, self.images, strict=True)]
        if 0 in self.axes:
            name, (image,) = min(batches, key=lambda batch: batch[1][0].size)
            mirrored = [image, image[:, ::-1], image[::-1]]
            batches.append((f"a batch of {name} and its mirror images", mirrored))
        weights = self.network.state_dict() if self.inputs else {}
        feed: dict[str, NDArray[Any]] = {name: weights[name].numpy() for name in self.inputs}
        given = [[self._given(image) for image in images] for _, images in batches]
        ready = torch.cat([self._ready(each) for part in given for each in part])
        answers = np.split(self._answer(ready), np.cumsum([len(part) for part in given])[:-1])
        return [
            Case(
                name=name,
                feed={**feed, self.options.input_name: torch.cat(part).numpy()},
                expected=answer,
            )
            for (name, _), part, answer in zip(batches, given, answers, strict=True)
        ]

    def _ready(self, given: torch.Tensor) -> torch.Tensor:
        """The network's input (1, C, H, W) by the graph's pre-processing, whose levels are kept."""
        graph = self.deployed.preprocess
        if not isinstance(graph, PreprocessGraph):
            return given
        with torch.inference_mode():
            self.levels.append(graph.fit(given))
            return graph.normalise(self.levels[-1])

    def _given(self, image: NDArray[np.uint8]) -> torch.Tensor:
        """What the graph takes for one image, with a batch axis."""
        if self.preprocess:
            return torch.from_numpy(np.stack([image]))
        return self._normalised([self.preprocessing.fit_image(image)]).contiguous()

    def _normalised(self, fitted: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """The network's input (N, C, H, W) by the pre-processing that evaluation uses."""
        return self.preprocessing.normalise(torch.from_numpy(np.stack(fitted)))

    def _answer(self, ready: torch.Tensor) -> NDArray[np.float32]:
        """Probabilities (N, classes) of pre-processed images."""
        with torch.inference_mode():
            parts = [
                torch.softmax(self.network(part), dim=1) for part in torch.split(ready, TOGETHER)
            ]
        return torch.cat(parts).numpy()

    def check_pipeline(self, cases: Sequence[Case]) -> tuple[float, float]:
        """Largest difference from evaluation's own pipeline: (pixel levels, probability)."""
        fitted = [self.preprocessing.fit_image(image) for image in self.images]
        ours = [levels[0].permute(1, 2, 0).numpy() for levels in self.levels]
        # Behind the images there are mirrored ones, which no pipeline was asked about.
        pixels = list(zip(ours, fitted, strict=False))
        theirs = self._answer(self._normalised(fitted))
        answers = [(case.expected[0], their) for case, their in zip(cases, theirs, strict=False)]
        return check_pipeline(self.names, pixels, answers)


def _describe(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype = need("onnx").helper.tensor_dtype_to_np_dtype(kind.elem_type)
    shape = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
    return Tensor(name=value.name, dtype=str(dtype), shape=shape)


def _reserve(output: Path) -> Path:
    """A file beside `output`, so that a folder that cannot be written is known before the work."""
    if output.suffix != ".onnx":
        raise ExportError(str(output), "must end in .onnx", f"did you mean {output.name}.onnx?")
    if output.is_dir():
        raise ExportError(str(output), "is a folder", "name a file in it with -o")
    part = output.with_name(f".{output.stem}.{os.getpid()}.part.onnx")
    try:
        part.touch()
    except OSError as error:
        raise _explain(output, error) from error
    return part


def _write(part: Path, output: Path, model: onnx.ModelProto) -> None:
    """Write and flush `model`; what fails is said of `output`, which is what the user named."""
    if model.ByteSize() > LARGEST_FILE:
        raise ExportError(str(output), "would be larger than 2 GiB", "which ONNX files cannot be")
    try:
        with part.open("wb") as handle:
            handle.write(model.SerializeToString())
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise _explain(output, error) from error


def _move(part: Path, output: Path) -> None:
    try:
        part.replace(output)
    except OSError as error:
        raise _explain(output, error) from error


def _explain(output: Path, error: OSError) -> ExportError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExportError(str(output), "the disk is full", "free some space, or choose another -o")
    reason = error.strerror or brief(error)
    return ExportError(str(output), f"cannot be written ({reason})", "choose another file with -o")
