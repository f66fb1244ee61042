"""What a run is for: measuring it, predicting with it, serving it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from striate.api.opening import open_predictor
from striate.errors import DataError, StriateError, parameter
from striate.inference.options import PredictOptions
from striate.serving.options import ServeOptions
from striate.support.options import takes
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.finding.inputs import Item, Source
    from striate.inference.classifier import Classifier
    from striate.inference.estimate import Estimate
    from striate.inference.heat_maps import Drawer
    from striate.inference.prediction import Prediction
    from striate.inference.regressor import Regressor
    from striate.support.shared_options import Crops, RunPath

TOGETHER = 32
"""Images that PyTorch computes together for `predict`: the last digits of sums depend on it."""


# What is returned depends on an option, which no dataclass can say.
@overload
def predict(
    run: RunPath,
    images: Source | Iterable[Source],
    *,
    top: int = 5,
    crops: Crops = "center",
    scales: Sequence[int] | None = None,
    heatmap: str | Path | None = None,
    heatmap_class: str | None = None,
    heatmap_target: str | None = None,
    heatmap_method: str = "auto",
    heatmap_window: int | None = None,
    heatmap_stride: int | None = None,
    threshold: float | None = None,
    csv: str | Path | None = None,
    workers: int | None = None,
    reduced_decoding: bool = False,
    device: str = "cpu",
    stream: Literal[False] = False,
    progress: bool = False,
    allow_code: bool = False,
) -> list[Prediction]: ...


@overload
def predict(
    run: RunPath,
    images: Source | Iterable[Source],
    *,
    top: int = 5,
    crops: Crops = "center",
    scales: Sequence[int] | None = None,
    heatmap: str | Path | None = None,
    heatmap_class: str | None = None,
    heatmap_target: str | None = None,
    heatmap_method: str = "auto",
    heatmap_window: int | None = None,
    heatmap_stride: int | None = None,
    threshold: float | None = None,
    csv: str | Path | None = None,
    workers: int | None = None,
    reduced_decoding: bool = False,
    device: str = "cpu",
    stream: Literal[True],
    progress: bool = False,
    allow_code: bool = False,
) -> Iterator[Prediction]: ...


@takes(PredictOptions)
def predict(options: PredictOptions) -> list[Prediction] | Iterator[Prediction]:
    """The likeliest classes of images: a `Prediction` for each, in order, as often as it is named.

    Of a run of numbers it is an `Estimate` for each, with the values and their intervals.

    Returns:
        Predictions; of a run of numbers estimates, of which the type does not speak. With
        `heatmap`, a picture with its heat map is written for each, whose path is its ``heatmap``.
        An image whose folder is called as a class has that as its `Prediction.label`, and
        `Prediction.right` says whether it was predicted. An image that cannot be read has its own,
        in its place, with ``error`` saying why and without classes; and so has a path that names
        nothing.

    Raises:
        StriateError: the run or an option is at fault; or, but for `stream`, `images` is one single
            image and cannot be read.
    """
    from striate.data.finding.inputs import is_single, items
    from striate.engines.exported import is_exported
    from striate.inference.listed import Predictions
    from striate.inference.regressor import Regressor
    from striate.inference.table import table_file

    single, wanted, total = is_single(options.images), items(options.images), 0
    if options.progress:
        wanted = iter(listed := list(wanted))
        total = len(listed)
    predictor = open_predictor(
        options.run,
        device=options.device,
        batch_size=None if is_exported(options.run) else TOGETHER,
        streams=1 if single else None,
        crops=options.crops,
        scales=options.scales,
        reduced_decoding=options.reduced_decoding,
        allow_code=options.allow_code,
    )
    try:
        target = None if options.csv is None else table_file(options.csv)
        if isinstance(predictor, Regressor):
            _refuse_for_numbers(options)
            # No prediction of classes, of which the type does not speak.
            estimates = _estimated(
                predictor, wanted, _value_drawer(predictor, options), target, options
            )
            found = cast("Iterator[Prediction]", estimates)
        else:
            drawer = _class_drawer(predictor, options)
            found = _classified(predictor, wanted, drawer, target, options)
    except StriateError:
        predictor.close()
        raise
    if options.progress:
        found = _counted(found, total)
    if options.stream:
        return found
    predictions = Predictions(found)
    if single and predictions[0].error:
        raise DataError(printable(predictions[0].file), predictions[0].error)
    return predictions


def _refuse_for_numbers(options: PredictOptions) -> None:
    """Raise for what has no meaning where a run answers with numbers."""
    for name, unasked in (
        ("heatmap_class", None),
        ("threshold", None),
        ("top", 5),
    ):
        if getattr(options, name) != unasked:
            raise StriateError(
                parameter(name, getattr(options, name)),
                "is for classes, and this run answers with numbers",
                "leave it out",
            )


def _estimated(
    regressor: Regressor,
    items: Iterator[Item],
    drawer: Drawer[Estimate] | None,
    table: Path | None,
    options: PredictOptions,
) -> Iterator[Estimate]:
    """What `regressor` predicts of `items`, drawn and written if it is to be, and then closed."""
    from striate.data.scan import threads
    from striate.inference.heat_maps import with_heat_maps
    from striate.inference.table import NumberTable, with_table

    predict = partial(regressor.predict_items, workers=threads(options.workers))
    made = predict(items) if drawer is None else with_heat_maps(predict, items, drawer)
    with regressor, closing(made) as found:
        if table is None:
            yield from found
        else:
            levels = tuple(tuple(each.level for each in own) for own in regressor.half_widths)
            columns = NumberTable(regressor.targets, levels)
            with closing(with_table(found, table, columns)) as written:
                yield from written


def _class_drawer(classifier: Classifier, options: PredictOptions) -> Drawer[Prediction] | None:
    """What draws heat maps of classes, if they are asked for."""
    from striate.inference.heat_maps import Drawer, class_of

    if options.heatmap_target is not None:
        raise StriateError(
            parameter("heatmap_target", options.heatmap_target),
            "is for numbers, and this run answers with classes",
            f"give {parameter('heatmap_class')}, or leave it out",
        )
    if not _is_drawn(classifier, options):
        return None
    assert options.heatmap is not None
    number = class_of(classifier, options.heatmap_class)
    return Drawer(classifier, options.heatmap, number, **_drawing(options))


def _value_drawer(regressor: Regressor, options: PredictOptions) -> Drawer[Estimate] | None:
    """What draws heat maps of numbers, if they are asked for."""
    from striate.inference.heat_maps import Drawer, target_of

    if not _is_drawn(regressor, options):
        return None
    assert options.heatmap is not None
    number = target_of(regressor, options.heatmap_target, "heatmap_target")
    return Drawer(regressor, options.heatmap, lambda _: number, **_drawing(options))


def _is_drawn(predictor: Classifier | Regressor, options: PredictOptions) -> bool:
    """Whether heat maps are asked for, and can be drawn."""
    if options.heatmap is None:
        for name in ("class", "target", "method", "window", "stride"):
            if getattr(options, f"heatmap_{name}") not in (None, "auto"):
                raise StriateError(
                    parameter(f"heatmap_{name}"),
                    "is for heat maps",
                    f"give {parameter('heatmap')} as well",
                )
        return False
    if predictor.reduced:
        raise StriateError(
            parameter("reduced_decoding", True),
            "does not go with heat maps, which are drawn over the whole picture",
            f"leave it or {parameter('heatmap')} out",
        )
    return True


def _drawing(options: PredictOptions) -> dict[str, Any]:
    """How heat maps are to be drawn."""
    from striate.data.finding.inputs import is_single
    from striate.inference.explaining.choosing import Wanted

    images = options.images
    alone = images[0] if isinstance(images, list) and len(images) == 1 else images
    return {
        "single": is_single(alone),
        "wanted": Wanted(
            method=options.heatmap_method,
            window=options.heatmap_window,
            stride=options.heatmap_stride,
            prefix="heatmap_",
        ),
        "progress": options.progress,
    }


def _classified(
    classifier: Classifier,
    items: Iterator[Item],
    drawer: Drawer[Prediction] | None,
    table: Path | None,
    options: PredictOptions,
) -> Iterator[Prediction]:
    """What `classifier` predicts of `items`, drawn and written if it is to be, and then closed."""
    from striate.data.scan import threads
    from striate.inference.heat_maps import with_heat_maps
    from striate.inference.labels import with_labels
    from striate.inference.table import ClassTable, with_table

    workers = threads(options.workers)
    top = options.top if table is None else classifier.outputs

    def predict(items: Iterator[Item]) -> Generator[Prediction]:
        found = partial(classifier.predict_items, top=top, workers=workers)
        return found(items) if drawer is None else with_heat_maps(found, items, drawer)

    if options.threshold is not None:
        classifier.threshold = options.threshold
    with classifier, closing(with_labels(items, classifier.classes, predict)) as found:
        if table is None:
            yield from found
        else:
            columns = ClassTable(classifier.classes)
            with closing(with_table(found, table, columns)) as written:
                yield from (each.shortened(options.top) for each in written)


def _counted(found: Iterator[Prediction], total: int) -> Iterator[Prediction]:
    """What is `found`, with a count on standard error."""
    with counting("predicting images") as count:
        for done, prediction in enumerate(found, start=1):
            yield prediction
            if count is not None:
                count(done, total)


@takes(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve classifiers over HTTP, until a signal ends it.

    There is a page for people at ``/``, ``POST /predict`` for one picture, the Open Inference
    Protocol (v2) for programs, and metrics; ``docs/serving.md`` has all of it. PyTorch is not
    loaded. What was accepted before the end is answered.

    Raises:
        StriateError: an option is at fault, a model cannot be opened, or the port is taken.
    """
    from striate.support.packages import need

    need("starlette", purpose="serve over HTTP", extra="serve")
    need("uvicorn", purpose="serve over HTTP", extra="serve")
    from striate.serving.service import Service

    with Service(options) as service:
        if options.started is not None:
            options.started(service.address, service.warning)
        service.run()
