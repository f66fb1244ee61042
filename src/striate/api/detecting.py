"""Boxes in pictures and videos."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from striate.detection.options import DetectOptions, DetectorOptions, WeightsOptions
from striate.errors import DataError, NetworkError, StriateError, parameter
from striate.support.options import options_of, takes
from striate.support.paths import expanded
from striate.support.progress import counting
from striate.support.shown import Listed
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.finding.inputs import Item, Source
    from striate.detection.boxes import Detections
    from striate.detection.detector import Choice, Detector
    from striate.detection.draw import Drawer
    from striate.detection.pytorch import NetworkDetector


# What is returned depends on an option, which no dataclass can say.
@overload
def detect(
    model: str | Path,
    images: Source | Iterable[Source],
    *,
    weights: str | Path | None = None,
    threshold: float = 0.25,
    nms: Literal["greedy", "iou"] | None = None,
    iou: float = 0.45,
    size: int | tuple[int, int] | None = None,
    names: str | Path | None = None,
    cfg: str | Path | None = None,
    decoding: Literal["darknet", "unscaled", "squared"] | None = None,
    fit: Literal["stretch", "letterbox"] | None = None,
    epsilon: float | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    output: str | Path | None = None,
    workers: int | None = None,
    device: str = "cpu",
    stream: Literal[False] = False,
    progress: bool = False,
) -> list[Detections]: ...


@overload
def detect(
    model: str | Path,
    images: Source | Iterable[Source],
    *,
    weights: str | Path | None = None,
    threshold: float = 0.25,
    nms: Literal["greedy", "iou"] | None = None,
    iou: float = 0.45,
    size: int | tuple[int, int] | None = None,
    names: str | Path | None = None,
    cfg: str | Path | None = None,
    decoding: Literal["darknet", "unscaled", "squared"] | None = None,
    fit: Literal["stretch", "letterbox"] | None = None,
    epsilon: float | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    output: str | Path | None = None,
    workers: int | None = None,
    device: str = "cpu",
    stream: Literal[True],
    progress: bool = False,
) -> Iterator[Detections]: ...


@takes(DetectOptions)
def detect(options: DetectOptions) -> list[Detections] | Iterator[Detections]:
    """Find boxes in pictures with YOLOv4 or YOLOv4-tiny, and weights that others trained.

    What a file of weights is, and what is meant by its numbers, is read from its content. Videos
    are read frame by frame, with PyAV (``pip install 'striate[video]'``).

    Returns:
        `Detections` of each picture, and of each frame of a video, in order, as often as it is
        named. A picture that cannot be read has its own, in its place, with `Detections.error`
        saying why; so have, together, the frames of a video that cannot be read any further.

    Raises:
        StriateError: the weights or an option are at fault; or, but for `stream`, `images` is one
            single picture and cannot be read.
    """
    from striate.data.finding.frames import count, is_picture, with_frames
    from striate.data.finding.inputs import is_single, items
    from striate.data.scan import threads

    single, wanted, total = is_single(options.images), items(options.images, is_picture), 0
    if options.progress:
        wanted = iter(listed := list(wanted))
        total = count(listed)
    drawer = _drawer(options)
    detector = open_model(options.model, options)
    found = _found(
        detector, with_frames(wanted), _choice(options), drawer, threads(options.workers)
    )
    if options.progress:
        found = _counted(found, total)
    if options.stream:
        return found
    answers = Listed(found)
    if single and answers[0].error:
        raise DataError(printable(answers[0].file), answers[0].error)
    return answers


def open_model(model: str | Path, options: DetectorOptions) -> Detector[Any]:
    """The detector that `model` is, opened as `options` say.

    Raises:
        StriateError: `model` is a network without weights, or one that classifies; an option does
            not go with an ONNX file; else as `open_detector`.
    """
    from striate.engines.exported import is_exported

    if not is_exported(model):
        return open_weights(model, options, device=options.device, precision=options.precision)
    from striate.detection.exported import ExportedDetector

    for each in options_of(DetectorOptions):
        given = getattr(options, each.name)
        if each.name != "names" and given not in (each.default, "auto"):
            raise StriateError(
                parameter(each.name, given),
                f"is decided within {printable(str(model))}",
                "leave it out, or give the weights that it was made of",
            )
    return ExportedDetector(model, options.names)


def open_weights(
    model: str | Path, options: WeightsOptions, *, device: str = "cpu", precision: str = "float32"
) -> NetworkDetector:
    """The detector of a file of weights, in PyTorch.

    Raises:
        StriateError: as `open_model`.
    """
    from striate.detection.opening import open_detector
    from striate.zoo.catalogue import entries

    known = {each.name: each.task for each in entries()}
    network, weights = "", model
    if str(model) in known:
        network = str(model)
        if known[network] != "detection":
            detectors = " or ".join(name for name, task in known.items() if task == "detection")
            raise NetworkError(
                f"network '{network}'", "classifies, and finds no boxes", f"name {detectors}"
            )
        if options.weights is None:
            raise NetworkError(
                f"network '{network}'",
                "finds nothing without weights",
                f"give {parameter('weights')}, or the file in the network's place",
            )
        weights = options.weights
    elif options.weights is not None:
        raise StriateError(
            parameter("weights", options.weights),
            f"goes with the name of a network, not with {printable(str(model))}",
            "give one file",
        )
    return open_detector(
        weights,
        network=network,
        cfg=options.cfg,
        names=options.names,
        size=options.size,
        decoding=options.decoding,
        fit=options.fit,
        epsilon=options.epsilon,
        device=device,
        precision=precision,
    )


def _choice(options: DetectOptions) -> Choice:
    from striate.detection.detector import Choice

    return Choice(options.threshold, options.nms, options.iou)


def _drawer(options: DetectOptions) -> Drawer | None:
    """What draws boxes, if they are to be drawn; before anything is computed."""
    if options.output is None:
        return None
    from striate.data.decoding.containers import is_video
    from striate.data.finding.inputs import is_single
    from striate.detection.draw import Drawer

    images = options.images
    alone = images[0] if isinstance(images, list) and len(images) == 1 else images
    single = is_single(alone)
    path = expanded(alone) if single and isinstance(alone, (str, Path)) else None
    if path is not None and path.exists() and path.resolve() == expanded(options.output).resolve():
        raise StriateError(
            parameter("output", options.output), "is the file that is read", "give another name"
        )
    return Drawer(options.output, single=single, video=path is not None and is_video(path))


def _found(
    detector: Detector[Any],
    items: Iterator[Item],
    choice: Choice,
    drawer: Drawer | None,
    workers: int,
) -> Iterator[Detections]:
    """What `detector` finds, drawn if it is to be; it is closed at the end."""
    from striate.data.finding.frames import FrameItem

    waiting: deque[Item] = deque()

    def noted() -> Iterator[Item]:
        for item in items:
            waiting.append(item)
            yield item

    detections = detector.detections(noted(), choice, workers=workers)
    with detector, drawer or nullcontext(), closing(detections) as found:
        for each in found:
            item, told = waiting.popleft(), each
            if isinstance(item, FrameItem):
                told = replace(told, frame=item.frame, time=item.time)
            if drawer is not None and told.error:
                drawer.finish()  # of a video, nothing comes after an error
            elif drawer is not None:
                told = replace(told, picture=drawer.draw(item, told, detector.names))
            yield told
        if drawer is not None:
            drawer.finish()


def _counted(found: Iterator[Detections], total: int) -> Iterator[Detections]:
    """What is `found`, with a count on standard error."""
    with counting("detecting") as count:
        for done, each in enumerate(found, start=1):
            yield each
            if count is not None:
                # How many frames a video has may be its own guess.
                count(done, total if done <= total else 0)
