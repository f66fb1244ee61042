"""How fast a network is in each engine that is at hand, measured side by side in one run."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from striate.data.finding.inputs import items
from striate.engines.exported import open_exported
from striate.errors import DataError, StriateError
from striate.inference.classifier import Classifier
from striate.inference.exported import open_file
from striate.inference.regressor import Regressor
from striate.support.packages import installed, need
from striate.support.paths import shown
from striate.support.processors import processor_threads
from striate.support.shown import Shown

if TYPE_CHECKING:
    from striate.runs.run import Run

ROUNDS = 5
"""Each engine is measured so often, in turn with the others, and the median is taken."""
_PRODUCT = 1024  # rows and columns of the matrices


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What one engine does.

    Attributes:
        engine: and its precision: ``openvino float32``.
        images_per_second: of the network alone, in batches.
        latency: seconds for one image of the network alone.
        share: of the processor's float32 peak, in batches; None where the multiply-accumulates of
            the network are not known.
        from_files: images a second from files to answers; None without files.
    """

    engine: str
    images_per_second: float
    latency: float
    share: float | None
    from_files: float | None


@dataclass(frozen=True, kw_only=True)
class Bench(Shown):
    """How fast a network is, on this machine and at this moment.

    Attributes:
        source: the run or the file.
        input: (channels, height, width) of what the network takes.
        macs: multiply-accumulates of one image; None where they are not known.
        threads: that every engine has.
        peak: multiply-accumulates a second of a large float32 matrix product on as many threads.
        files: how many files were read for `Speed.from_files`.
        engines: quickest first.
    """

    shown_by: ClassVar[str] = "striate.deploy.bench_terminal:show"

    source: str
    input: tuple[int, int, int]
    macs: int | None
    threads: int
    peak: float
    files: int
    engines: tuple[Speed, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def bench(source: Run | Path, *, data: str | Path | None, seconds: float, images: int) -> Bench:
    """Measure a run or an exported file in every engine and precision that is at hand.

    Engines take turns, so that whatever else the machine does meanwhile meets all of them; a
    figure is the median of `ROUNDS`. Ratios within one result mean more than its figures.

    Args:
        source: a run, or the path of a file that `export` wrote.
        data: images to measure with from files to answers; None for the network alone.
        seconds: that one measurement takes at least.
        images: the most files that are read.

    Raises:
        StriateError: no engine is installed, or `data` holds no image that can be read.
    """
    files = [] if data is None else _readable(data, images)
    if isinstance(source, Path):
        macs, named = _macs_of_file(source), shown(source)
    else:
        macs, named = _macs_of_run(source), shown(source.path)
    with ExitStack() as stack:
        opened: dict[str, Classifier | Regressor] = {}
        for name, each in _opened(source):
            opened[name] = each
            stack.callback(each.close)
        if not opened:
            raise StriateError(
                named, "no engine is installed", "install one: pip install 'striate[export]'"
            )
        found = _measure(opened, files, seconds)
        first = next(iter(opened.values()))
    speeds = [
        Speed(
            engine=name,
            images_per_second=each["batches"],
            latency=1 / each["one"],
            share=None if macs is None else each["batches"] * macs / found[""]["peak"],
            from_files=each.get("files"),
        )
        for name, each in found.items()
        if name
    ]
    return Bench(
        source=named,
        input=first.input,
        macs=macs,
        threads=processor_threads(1),
        peak=found[""]["peak"],
        files=len(files),
        engines=tuple(sorted(speeds, key=lambda each: -each.images_per_second)),
    )


def _measure(
    opened: Mapping[str, Classifier | Regressor], files: Sequence[Path], seconds: float
) -> dict[str, dict[str, float]]:
    """Medians by engine and kind; the peak of the processor is under no engine."""
    tasks: dict[tuple[str, str], Callable[[], int]] = {("", "peak"): _product}
    for name, predictor in opened.items():
        channels, height, width = predictor.input
        noise = np.random.default_rng(0).integers(
            0, 256, (predictor.batch_size, height, width, channels), np.uint8
        )
        tasks[name, "batches"] = _batches(predictor, noise)
        tasks[name, "one"] = _batches(predictor, noise[:1], count=1)
        if files:
            tasks[name, "files"] = _from_files(predictor, files)
    rates: dict[tuple[str, str], list[float]] = {key: [] for key in tasks}
    for task in tasks.values():  # what is done but once at the beginning does not count
        task()
    for _ in range(ROUNDS):
        for key, task in tasks.items():
            rates[key].append(_rate(task, seconds))
    found: dict[str, dict[str, float]] = {}
    for (name, kind), values in rates.items():
        found.setdefault(name, {})[kind] = statistics.median(values)
    return found


def _rate(task: Callable[[], int], seconds: float) -> float:
    """What `task` does a second, repeated for as long."""
    done, begun = 0, time.perf_counter()
    while (taken := time.perf_counter() - begun) < seconds or not done:
        done += task()
    return done / taken


def _batches(predictor: Classifier | Regressor, pixels: Any, count: int = 4) -> Callable[[], int]:
    """A task that computes `pixels` so many times, several at a time where the engine can."""

    def run() -> int:
        return sum(len(each) for each in predictor.session.run(repeat(pixels, count)))

    return run


def _from_files(predictor: Classifier | Regressor, files: Sequence[Path]) -> Callable[[], int]:
    def run() -> int:
        return len(predictor.numbers(files))

    return run


def _product() -> int:
    """Multiply-accumulates of one product of two matrices, which it computes."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    one = np.ones((_PRODUCT, _PRODUCT), np.float32)
    with threadpool_limits(processor_threads(1), "blas"):
        one @ one
    return _PRODUCT**3


def _opened(source: Run | Path) -> Iterator[tuple[str, Classifier | Regressor]]:
    """What computes it, in every engine and precision that is at hand."""
    wanted = [] if isinstance(source, Path) else ["torch float32"]
    if wanted and _torch_has_bfloat16():
        wanted.append("torch bfloat16")
    wanted += ["onnxruntime float32"] if installed("onnxruntime") else []
    if installed("openvino"):
        wanted.append("openvino float32")
        if _openvino_has_bfloat16():
            wanted.append("openvino bfloat16")
    for engine in wanted:
        if isinstance(source, Path):
            yield engine, open_file(source, engine=engine)
        elif engine.startswith("torch") or installed("onnx"):
            opened = Regressor.of_run if source.answers_numbers else Classifier.of_run
            yield engine, opened(source, engine=engine)


def _torch_has_bfloat16() -> bool:
    import torch

    from striate.engines.precision import has_fast_bfloat16

    return has_fast_bfloat16(torch.device("cpu"))


def _openvino_has_bfloat16() -> bool:
    from striate.engines.openvino import core

    openvino = need("openvino", purpose="measure", extra="export")
    return "BF16" in core(openvino).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _readable(data: str | Path, most: int) -> list[Path]:
    """The first files in `data`, which are looked at no further than that they can be opened."""
    found: list[Path] = []
    why: DataError | None = None
    for item in items(data):
        try:
            with item.opened(3):
                found.append(Path(item.name))
        except DataError as error:
            why = why or error
        if len(found) == most:
            break
    if not found:
        raise why or DataError(shown(Path(data)), "holds no images", "give a folder with images")
    return found


def _macs_of_run(run: Run) -> int:
    from striate.anatomy.costs.counting import count_macs

    return count_macs(run.network(), run.preprocessing.input_size)


def _macs_of_file(path: Path) -> int | None:
    """Multiply-accumulates of convolutions and matrix products behind the seam of a file."""
    if not installed("onnx"):
        return None
    onnx = need("onnx", purpose="measure", extra="export")
    file = open_exported(path)
    if file.fits:
        return None
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(file.graph))
    graph = model.graph
    shapes = {each.name: tuple(each.dims) for each in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        axes = value.type.tensor_type.shape.dim
        shapes.setdefault(value.name, tuple(axis.dim_value or 1 for axis in axes))
    macs = 0
    for node in graph.node:
        made = math.prod(shapes.get(node.output[0], (0,)))
        if node.op_type == "Conv":
            macs += made * math.prod(shapes.get(node.input[1], (0,))[1:])
        elif node.op_type in ("Gemm", "MatMul"):
            turned = any(each.name == "transA" and each.i for each in node.attribute)
            macs += made * shapes.get(node.input[0], (0,))[0 if turned else -1]
    return macs or None
