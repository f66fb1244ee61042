"""An exported file with an integer network, measured before it counts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from striate.data.labelled import Labelled
from striate.deploy.quantise import convert, graph
from striate.deploy.quantise.figures import Figures, Limits
from striate.deploy.quantise.guard import Step, steps
from striate.deploy.quantise.images import Chosen, choose
from striate.deploy.quantise.judging import judge_of
from striate.deploy.quantise.maker import Maker
from striate.deploy.quantise.measuring import Measuring, Speed
from striate.deploy.quantise.processor import processor_name
from striate.deploy.quantise.ranking import Block
from striate.deploy.verify import PROBABILITIES, in_deviations, run_in
from striate.engines.exported import SUFFIX, ExportedFile
from striate.engines.heat_maps import without_heat_maps
from striate.engines.packages import need
from striate.engines.seam import Halves, join, split_at_seam
from striate.errors import ExportError, parameter
from striate.inference.reading import evaluated
from striate.runs.targets import scale_of
from striate.support.files import output_file, sweep, write_atomically
from striate.support.paths import read_file, shown
from striate.support.progress import counting
from striate.support.shown import Shown
from striate.support.words import count

if TYPE_CHECKING:
    import onnx

METADATA = "int8"
"""The key of a file's metadata under which it says how it was quantised."""
_JOINED = 3
"""Images on which the whole file is held against its halves."""


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """What became of a layer.

    Attributes:
        name: of its node.
        label: what a person calls it.
        title: what it does, in words.
        weights: how many it has.
        own: signal-to-noise ratio of its output in decibels, given what the float network has.
        gathered: the same in the integer network, with what layers before it have lost.
        bits: of its weights; 32 where it stays float.
    """

    name: str
    label: str
    title: str
    weights: int
    own: float
    gathered: float
    bits: int


@dataclass(frozen=True, kw_only=True)
class QuantiseReport(Shown):
    """What a quantisation cost and gained.

    Attributes:
        file: the integer file.
        source: the float file, or the run.
        network: the network's name.
        bytes: of the integer file.
        float_bytes: of the float file.
        limits: what was allowed.
        steps: those that were measured; the last is the file's.
        layers: every layer that could be integer, in order.
        calibrated: images that gave the ranges.
        calibration: hash of their contents.
        speeds: of both networks, in each engine.
        vnni: whether this processor adds products of bytes in 32 bits; None where it is no x86.
        processor: what it is called.
        notes: what a person should know and need not mend.
        page: the page about it, where one was written.
    """

    shown_by: ClassVar[str] = "striate.deploy.quantise.terminal:show"

    file: Path
    source: Path
    network: str
    bytes: int
    float_bytes: int
    limits: Limits
    steps: tuple[Step, ...]
    layers: tuple[LayerReport, ...]
    calibrated: int
    calibration: str
    speeds: tuple[Speed, ...]
    vnni: bool | None
    processor: str
    notes: tuple[str, ...]
    page: Path | None = None

    @property
    def bits(self) -> int:
        """Of the weights that are integer."""
        return self.steps[-1].bits

    @property
    def figures(self) -> tuple[Figures, ...]:
        """What the integer file does, in each engine."""
        return self.steps[-1].figures

    @property
    def counted(self) -> tuple[Figures, ...]:
        """Those that were held against the limits."""
        return tuple(each for each in self.figures if each.counted)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "file": str(self.file),
            "source": str(self.source),
            "page": None if self.page is None else str(self.page),
            "network": self.network,
            "bytes": self.bytes,
            "float_bytes": self.float_bytes,
            "weights": self.bits,
            "float_layers": list(self.steps[-1].floats),
            **self.limits.to_json(),
            "images": self.figures[0].images,
            "calibration": {"images": self.calibrated, "digest": self.calibration},
            "figures": [each.to_json() for each in self.figures],
            "speeds": [each.to_json() for each in self.speeds],
            "layers": [dict(vars(each)) for each in self.layers],
            "steps": [each.to_json() for each in self.steps],
            "processor": {"name": self.processor, "vnni": self.vnni},
            "notes": list(self.notes),
        }


def int8_path(file: Path) -> Path:
    """Where the integer file of `file` goes by default: beside it."""
    return file.with_name(f"{file.stem}.{METADATA}{SUFFIX}")


def quantise_file(
    file: ExportedFile,
    output: Path,
    found: Labelled,
    *,
    origin: str,
    limits: Limits,
    calibration: int | None = None,
    workers: int = 0,
    progress: bool = False,
) -> QuantiseReport:
    """Write `file` with an integer network, if that is inside `limits`.

    Same inputs give the same bytes, on one kind of machine.

    Args:
        file: an exported file with its pre-processing inside.
        output: the file to write; an older one stays until the new one is measured.
        found: images to measure on, and others.
        origin: what a person calls the place where these are.
        limits: what is allowed.
        calibration: images to calibrate with; None for the usual number.
        workers: threads that read images.
        progress: say on standard error what is done.

    Raises:
        ExportError: the file is integer already, has nothing to make integer, comes from before
            files had a seam, or no step is inside `limits`. Whatever was at `output` is then still
            there.
        DataError: there are too few images.
    """
    readable(file)
    output = output_file(output, SUFFIX, kind=ExportError)
    _refuse_same(file.path, output)
    sweep(output)
    halves = split_at_seam(_whole(file))
    network = graph.prepared(halves.network)
    layers = graph.layers(network)
    if not layers:
        raise ExportError(shown(file.path), "has no layer that could be integer")
    chosen = choose(found, calibration, origin)
    say = partial(print, file=sys.stderr) if progress else _say_nothing
    say(f"calibrating with {count(len(chosen.calibration))} images")
    judge = judge_of(chosen.measured, file)
    maker = Maker(network, layers, file, chosen, workers, unit=judge.unit)
    with counting("measuring images", wanted=progress) as counted:
        measuring = Measuring(
            halves.network.SerializeToString(),
            maker.fitted(chosen.measured),
            judge,
            batch_size=maker.batch_size,
            target=limits.target,
            progress=counted,
        )
        taken = []

        def ranked(bits: int) -> list[Block]:
            say("looking for the layers that cost most")
            return maker.ranked(bits)

        for step in steps(lambda *way: measuring.figures(maker.made(*way)), ranked, limits):
            taken.append(step)
            say(_told(step))
    if taken[-1].problem:
        raise _outside(file.path, taken, limits)
    integer = maker.converted(taken[-1].bits, taken[-1].floats)
    joined = join(halves.before, integer)
    _write_metadata(joined, taken[-1], chosen, limits)
    content = joined.SerializeToString()
    _check_joined(halves, integer, content, file, chosen)
    speeds = measuring.speeds(integer.SerializeToString())
    write_atomically(output, content)
    return QuantiseReport(
        file=output,
        source=file.path,
        network=file.metadata.get("network", file.path.stem),
        bytes=len(content),
        float_bytes=file.path.stat().st_size,
        limits=limits,
        steps=tuple(taken),
        layers=tuple(
            LayerReport(
                name=layer.name,
                label=layer.label,
                title=layer.title,
                weights=layer.weights,
                own=error.own,
                gathered=error.gathered,
                bits=32 if layer.name in taken[-1].floats else taken[-1].bits,
            )
            for layer, error in zip(layers, maker.errors, strict=True)
        ),
        calibrated=len(chosen.calibration),
        calibration=chosen.digest,
        speeds=speeds,
        vnni=measuring.vnni,
        processor=processor_name(),
        notes=chosen.notes,
    )


def readable(file: ExportedFile) -> None:
    """See to it that `file` can be quantised.

    Raises:
        ExportError: it cannot; says why.
    """
    model = _whole(file)
    if METADATA in file.metadata or any(
        node.op_type == "QuantizeLinear" for node in model.graph.node
    ):
        raise ExportError(shown(file.path), "is int8 already", "give the float file")
    if file.takes == "normalised":
        raise ExportError(
            shown(file.path),
            "has no pre-processing inside, and would be given other images than it was made for",
            "export its run with the pre-processing inside",
        )
    if file.parts:
        raise ExportError(
            shown(file.path),
            "holds several networks that see different pixels, and int8 is for one",
            "export its members one by one, and quantise these",
        )
    if not file.is_cut:
        raise ExportError(
            shown(file.path),
            "is from before files said where their network begins",
            "export its run again",
        )
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if opset < convert.OLDEST_OPSET:
        raise ExportError(
            shown(file.path),
            f"has the operators of opset {opset}, and int8 needs {convert.OLDEST_OPSET}",
            "export its run again with a newer one",
        )


def _whole(file: ExportedFile) -> onnx.ModelProto:
    """All of `file` but its heat maps: what is before its seam as well."""
    package = need("onnx")
    content = without_heat_maps(read_file(file.path, kind=ExportError))
    model: onnx.ModelProto = package.load_from_string(content)
    return model


def _refuse_same(source: Path, output: Path) -> None:
    if output.exists() and source.exists() and output.samefile(source):
        raise ExportError(
            shown(output), "is the float file itself", f"give another {parameter('output')}"
        )


def _say_nothing(_: str) -> None:
    pass


def _told(step: Step) -> str:
    found = ", ".join(f"{each.told} in {each.title}" for each in step.figures)
    return f"{step.title}: {found}; {step.problem or 'inside the limits'}"


def _outside(path: Path, taken: Sequence[Step], limits: Limits) -> ExportError:
    best = max(taken, key=lambda each: each.worst)
    ways = "way" if len(taken) == 1 else "ways"
    return ExportError(
        shown(path),
        f"int8 is outside the limits in each of {len(taken)} {ways} (nearest: {best.title}: "
        f"{best.problem}), so that no file was written",
        f"allow more with {limits.ways}, or stay with float",
    )


def _metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _write_metadata(model: onnx.ModelProto, step: Step, chosen: Chosen, limits: Limits) -> None:
    said = {
        "weights": step.bits,
        "float_layers": list(step.floats),
        "target": limits.target,
        "calibration": {"images": len(chosen.calibration), "digest": chosen.digest},
        "measured": [each.to_json() for each in step.figures],
    }
    entries = {**_metadata(model), METADATA: json.dumps(said)}
    need("onnx").helper.set_model_props(model, entries)


def _check_joined(
    halves: Halves, integer: onnx.ModelProto, whole: bytes, file: ExportedFile, chosen: Chosen
) -> None:
    """See to it that the whole file computes what its halves do, from images as they are."""
    engine, images, preprocessing = "onnxruntime", chosen.measured, file.preprocessing
    some = range(min(_JOINED, len(images)))
    read = evaluated(images, preprocessing, fit=file.takes != "any size")
    batches = [read(index)[None] for index in some]
    pixels = run_in(engine, halves.before.SerializeToString(), batches)
    expected = run_in(engine, integer.SerializeToString(), pixels)
    answers = run_in(engine, whole, batches)
    yardstick = in_deviations(scale_of(file.targets)[1]) if file.targets else PROBABILITIES
    worst = max(map(yardstick.difference, answers, expected))
    if not worst <= yardstick.tolerance:
        raise ExportError(
            "the int8 file",
            f"differs by {worst:.3g}{yardstick.of} in {yardstick.what} from the network that was "
            "measured",
            "no file was written",
        )
