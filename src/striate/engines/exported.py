"""An ONNX file that `striate export` wrote, opened for use: all that is needed is in its metadata.

Nothing of a file is run but its operators: it is read as bytes, and one whose weights lie in other
files is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from striate.data.preprocessing import Preprocessing
from striate.engines.answers import CLASSES, TARGETS, ExportedTarget, answers_of
from striate.engines.choosing import open_graph, parse_engine
from striate.engines.heat_maps import HeatMaps, grid_of, with_class, with_outputs
from striate.engines.messages import brief
from striate.engines.onnx_bytes import OnnxFile, Tensor, read_onnx
from striate.engines.parts import FilePart, parts_of
from striate.engines.seam import can_be_cut, cut
from striate.engines.session import BATCH, Session, as_it_is, normalised
from striate.errors import ExportError, RunError, StriateError, parameter
from striate.support.packages import installed
from striate.support.paths import expanded, read_file, shown
from striate.support.processors import processor_threads

SUFFIX = ".onnx"

DETECTOR = "detector"
"""The key of the metadata that a detector's file has, and a classifier's has not."""

DECISION = "decision"
"""The output of a file with a threshold: the number of the class, int64, or `UNSURE`."""
UNSURE = -1
"""Stands for a class where no probability reaches the threshold."""
THRESHOLD = "threshold"
"""The key of the threshold among the metadata, JSON."""

Takes = Literal["any size", "fitted", "normalised"]
"""What goes in: images of any size; images of the network's size, resized and cropped already; or
these normalised as well, float32 (batch, channels, height, width)."""


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """An exported file and its metadata.

    Attributes:
        path: where it is.
        graph: what is computed: of a file with a seam the part behind it, whole else.
        classes: names, in the order of its outputs; none of a file of numbers.
        targets: the numbers that it answers with, in that order; none of a file of classes.
        preprocessing: of the run that it was exported from.
        takes: what goes in.
        batch: how many images it takes at a time; 0 for any number.
        is_cut: whether `graph` is the part behind the seam, which takes images that are fitted.
        metadata: all that the file says of itself, by key.
        heat_map_grid: height and width of its heat maps; None where it has none.
        threshold: the probability below which its likeliest class is unsure; 0 for none.
        parts: of a file of several networks that see different pixels, each of them.
        temperature: by which the logarithms of the mean of `parts` are divided.
    """

    path: Path
    graph: bytes
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    takes: Takes
    batch: int
    is_cut: bool
    metadata: Mapping[str, str]
    targets: tuple[ExportedTarget, ...] = ()
    heat_map_grid: tuple[int, int] | None = None
    threshold: float = 0.0
    parts: tuple[FilePart, ...] = ()
    temperature: float = 1.0

    @property
    def fits(self) -> bool:
        """Whether it takes images of any size, and brings them to the network's itself."""
        return self.takes == "any size" and not self.is_cut

    def session(
        self,
        engine: str = "auto",
        *,
        batch_size: int | None = None,
        streams: int | None = None,
    ) -> Session:
        """The file in an engine.

        Args:
            engine: as for `striate.inference.classifier.Classifier.of_file`.
            batch_size: the most images in a batch, where the file leaves that open; None for 8.
            streams: batches computed at a time, where they have one size; None for one a processor.

        Raises:
            ExportError: the engine is missing, or cannot run the file.
            StriateError: `engine` is unknown, or none for files.
        """
        name, precision = _engine(engine)
        with _named(self.path):
            return open_graph(
                self.graph,
                name,
                precision,
                feed=normalised(self.preprocessing) if self.takes == "normalised" else as_it_is,
                batch_size=self.batch or batch_size or BATCH,
                fixed=self._shape(),
                planes=self.is_cut,
                streams=1 if self.fits else streams or processor_threads(1),
            )

    def part_session(
        self, part: FilePart, engine: str = "auto", *, batch_size: int | None = None
    ) -> Session:
        """One of `parts`, behind its seam, in an engine; arguments and errors as for `session`."""
        name, precision = _engine(engine)
        channels, height, width = part.preprocessing.input_size
        with _named(self.path):
            return open_graph(
                part.cut(read_onnx(self.graph))[1],
                name,
                precision,
                feed=as_it_is,
                batch_size=self.batch or batch_size or BATCH,
                fixed=(height, width, channels),
                planes=True,
                streams=1,  # the parts take turns, so that all processors share a batch
            )

    def again(self) -> ExportedFile:
        """The same with its graph, read again.

        Raises:
            ExportError: it is another file by now.
        """
        found = open_exported(self.path)
        if found.metadata != self.metadata:
            raise ExportError(shown(self.path), "has changed meanwhile", "open it again")
        return found

    def heat_maps(self) -> HeatMaps:
        """The heat maps of the file, which is read again: few who have one want them.

        Raises:
            ExportError: it has none, is another one by now, or ONNX Runtime cannot run it.
        """
        if self.heat_map_grid is None or self.takes == "normalised":
            raise ExportError(
                shown(self.path),
                "has no heat maps",
                f"export its run with {parameter('cam')}",
            )
        content = _content(self.path)
        model = read_onnx(content)
        if model.metadata != self.metadata:
            raise ExportError(shown(self.path), "has changed meanwhile", "open it again")
        network = cut(model)[1] if self.is_cut else content
        with _named(self.path):
            return HeatMaps(with_class(network), planes=self.is_cut)

    def _shape(self) -> tuple[int, int, int] | None:
        """An image as the graph takes it, where all have one shape."""
        channels, height, width = self.preprocessing.input_size
        if self.is_cut:
            return height, width, channels
        shapes = {"fitted": (height, width, channels), "normalised": (channels, height, width)}
        return shapes.get(self.takes)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in what an engine says of it."""
    try:
        yield
    except ExportError as error:
        raise ExportError(shown(path), f"{error.what} {error.why}", error.remedy) from error


def _engine(wanted: str) -> tuple[str, str]:
    """The engine that runs files, and its precision."""
    name, precision = parse_engine(wanted)
    if name == "torch":
        raise StriateError(
            parameter("engine", wanted), "does not run ONNX files", "take onnxruntime"
        )
    if not name:
        runtime = precision != "bfloat16" and installed("onnxruntime")
        name = "onnxruntime" if runtime or not installed("openvino") else "openvino"
    return name, precision or "float32"


def is_exported(path: str | PathLike[str]) -> bool:
    """Whether a person means an ONNX file by `path`, and not a run's folder."""
    given = Path(path)
    return given.suffix.lower() == SUFFIX and not given.is_dir()


def open_exported(path: str | PathLike[str]) -> ExportedFile:
    """Read an ONNX file that `striate export` wrote.

    Raises:
        ExportError: there is none, it is damaged, is not one of ours, keeps its weights elsewhere,
            or takes them as inputs.
    """
    file = expanded(path, kind=ExportError)
    content = _content(file)
    try:
        model = read_onnx(content)
    except ValueError as error:
        raise ExportError(shown(file), f"is no sound ONNX file ({brief(error)})") from error
    if model.scattered:
        raise ExportError(shown(file), "keeps its weights in other files", "export it as one file")
    (classes, targets), preprocessing = _metadata(file, model)
    if len(model.inputs) != 1:
        raise ExportError(
            shown(file), "takes its weights as inputs", "export the run with its weights inside"
        )
    takes, batch = _input(file, model.inputs[0], preprocessing)
    is_cut = can_be_cut(model)
    graph = cut(model)[1] if is_cut else content
    grid = grid_of(shown(file), model)
    if len(model.outputs) > 1:  # what nobody has asked for is not computed
        graph = with_outputs(read_onnx(graph), [model.outputs[0].name])
    parts, temperature = parts_of(shown(file), model)
    return ExportedFile(
        path=file,
        graph=graph,
        classes=classes,
        preprocessing=preprocessing,
        takes=takes,
        batch=batch,
        is_cut=is_cut,
        metadata=model.metadata,
        targets=targets,
        heat_map_grid=grid,
        threshold=_threshold(file, model),
        parts=parts,
        temperature=temperature,
    )


def _threshold(path: Path, model: OnnxFile) -> float:
    """The threshold that a file was exported with; 0 for none."""
    try:
        found = float(json.loads(model.metadata.get(THRESHOLD, "0")))
        if not 0 <= found <= 1:
            raise ValueError("it is no probability")
    except (ValueError, TypeError, RecursionError) as error:
        why = f"has damaged metadata (of its threshold: {brief(error)})"
        raise ExportError(shown(path), why) from error
    return found


def _content(file: Path) -> bytes:
    try:
        return read_file(file, kind=ExportError)
    except FileNotFoundError as error:
        raise ExportError(shown(file), "there is no such file", "check the path") from error


def _metadata(
    path: Path, model: OnnxFile
) -> tuple[tuple[tuple[str, ...], tuple[ExportedTarget, ...]], Preprocessing]:
    """The classes or the targets, and the pre-processing, that a file names."""
    found = model.metadata
    if DETECTOR in found:
        raise ExportError(shown(path), "is a detector, not a classifier", "use `striate detect`")
    if "preprocessing" not in found or not {CLASSES, TARGETS} & found.keys():
        raise ExportError(
            shown(path),
            "has no classes and pre-processing in its metadata",
            "give a file that `striate export` wrote",
        )
    try:
        values = json.loads(found["preprocessing"])
        if not isinstance(values, dict):
            raise RunError("[preprocessing]", "is no table")
        return answers_of(found), Preprocessing.from_dict(values)
    except (ValueError, RecursionError, StriateError) as error:
        raise ExportError(shown(path), f"has damaged metadata ({brief(error)})") from error


def _input(path: Path, value: Tensor, preprocessing: Preprocessing) -> tuple[Takes, int]:
    """What goes in, and how many images at a time (0: any number)."""
    axes = [each if isinstance(each, int) else 0 for each in value.shape]
    batch, shape = sum(axes[:1]), axes[1:]
    channels, height, width = preprocessing.input_size
    known: dict[tuple[str, tuple[int, ...]], Takes] = {
        ("uint8", (0, 0, channels)): "any size",
        ("uint8", (height, width, channels)): "fitted",
        ("float32", (channels, height, width)): "normalised",
    }
    takes = known.get((value.dtype, tuple(shape)))
    if takes is None:
        raise ExportError(
            shown(path),
            f"has an input '{value.name}' that its pre-processing does not give",
            "give a file that `striate export` wrote",
        )
    return takes, batch
