"""What a run is for: measuring it, asking it, carrying it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, overload

from striate.errors import DataError, StriateError, parameter
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.finding.inputs import Item, Source
    from striate.deploy.export import ExportReport
    from striate.engines.capture import Capture
    from striate.evaluation.metrics import Evaluation
    from striate.inference.classifier import Classifier
    from striate.inference.prediction import Prediction
    from striate.runs.run import Run

_TOGETHER = 32
"""Images that `predict` computes together: the last digits of a network's sums depend on it."""


def open_run(path: str | Path, *, allow_code: bool = False) -> Run:
    """The run at `path`: its classes, pre-processing, network, metrics and configuration.

    `allow_code` lets it run the Python code that it names as its network: only if you trust whoever
    made it.
    """
    from striate.runs.run import Run

    return Run.open(path, allow_code=allow_code)


def open_classifier(
    source: str | Path,
    *,
    device: str = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    allow_code: bool = False,
) -> Classifier:
    """The network of a run, or of an ONNX file, ready to be asked: images in, probabilities out.

    Close it, or use it as a context, to free what its engine holds.

    Args:
        source: a run's folder, or an ONNX file that `export` wrote.
        device: where PyTorch computes: ``cpu``, ``cuda`` … or ``auto``; files are computed on the
            processor.
        engine: ``torch``, ``onnxruntime`` or ``openvino``, with ``float32`` or ``bfloat16``.
            ``auto``: PyTorch for a run, ONNX Runtime for a file. In float32, unless it says
            otherwise.
        batch_size: the most images that are computed together; None for what the engine likes.
        allow_code: as for `open_run`.

    Examples:
        ::

            with striate.open_classifier("runs/lenet-digits") as classifier:
                classifier.probabilities(["three.png", "seven.png"])  # (2, 10)

    Raises:
        StriateError: the run or the file is at fault, or `device` or `engine` is not here.
    """
    from striate.engines.exported import is_exported
    from striate.engines.precision import choose_device
    from striate.inference.classifier import Classifier
    from striate.runs.run import Run

    if not is_exported(source):
        run = Run.open(source, allow_code=allow_code)
        return Classifier.of_run(run, device=device, engine=engine, batch_size=batch_size)
    if choose_device(device).type != "cpu" and device != "auto":
        raise StriateError(
            parameter("device", device),
            "is not where an ONNX file is computed, which is the processor",
            "leave it out, or give the run's folder",
        )
    return Classifier.of_file(source, engine=engine, batch_size=batch_size)


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    *,
    all_images: bool = False,
    skip_bad: bool = False,
    workers: int | None = None,
    device: str = "cpu",
    progress: bool = False,
    allow_code: bool = False,
) -> Evaluation:
    """Measure a run's network on images that it was not trained on.

    Whether it was trained on an image is asked by the image's content, one by one: an image that
    was renamed, moved or joined by others since is known all the same.

    Args:
        run: a run's folder; or an ONNX file that `export` wrote, with `data`.
        data: other images with the run's classes, as for `train`: their ``test/``, else their
            ``val/``, else, where a folder has no such parts, all of them; without those that the
            network was trained on, whose number is in the result. None: the run's own held-out
            images, in which case the run's report is made anew.
        all_images: measure on every image of `data` (of the run, if None), those that the network
            was trained on among them: this is no measure of how good it is.
        skip_bad: leave unreadable files out instead of stopping at them; the result names them. A
            run that was trained so leaves them out in any case.
        workers: threads that prepare images; None for one a processor, at most four.
        device: where to compute: ``cpu``, ``cuda`` … or ``auto``. The last digits differ between
            devices.
        progress: count on standard error.
        allow_code: as for `open_run`.

    Returns:
        Top-1, top-5, loss, calibration error, interval, per-class figures, confusion matrix; how
        many images were left out, files that could not be used, notes.

    Raises:
        StriateError: the run or the images are at fault, or the network was trained on all of them.
    """
    from striate.engines.exported import is_exported
    from striate.evaluation.evaluate import evaluate_again, evaluate_on
    from striate.report.build import write_report
    from striate.runs.data import origin_of, training_of
    from striate.runs.run import Run
    from striate.transfer_learning.classifier import classifier_of

    given = {"workers": workers, "progress": progress}
    if is_exported(run):
        return _evaluate_file(run, data, device=device, skip_bad=skip_bad, **given)  # type: ignore[arg-type]
    opened = Run.open(run, allow_code=allow_code)
    if data is None and not all_images:
        return evaluate_again(
            opened,
            write_report=write_report,
            open_classifier=classifier_of,
            skip_bad=skip_bad,
            device=device,
            **given,  # type: ignore[arg-type]
        )
    found = evaluate_on(
        classifier_of(opened, device=device),
        origin_of(opened) if data is None else data,
        training=training_of(opened),
        all_images=all_images,
        # As it was trained: of a run without the files that cannot be used they are left out.
        skip_bad=skip_bad or opened.config.data.skipped > 0,
        **given,  # type: ignore[arg-type]
    )
    return replace(found, notes=(*opened.notes, *found.notes))


def _evaluate_file(
    file: str | Path,
    data: str | Path | None,
    *,
    device: str,
    skip_bad: bool,
    workers: int | None,
    progress: bool,
) -> Evaluation:
    """Measure an ONNX file, which does not know what it was trained on."""
    from striate.evaluation.evaluate import evaluate_on

    if data is None:
        raise StriateError(
            printable(str(file)), "has no images of its own", "give images to measure on"
        )
    with open_classifier(file, device=device) as classifier:
        found = evaluate_on(classifier, data, skip_bad=skip_bad, workers=workers, progress=progress)
    note = "a file does not say which images it was trained on: none of these was left out for that"
    return replace(found, notes=(*found.notes, note))


@overload
def predict(
    run: str | Path,
    images: Source | Iterable[Source],
    *,
    top: int = 5,
    workers: int | None = None,
    device: str = "cpu",
    stream: Literal[False] = False,
    progress: bool = False,
    allow_code: bool = False,
) -> list[Prediction]: ...


@overload
def predict(
    run: str | Path,
    images: Source | Iterable[Source],
    *,
    top: int = 5,
    workers: int | None = None,
    device: str = "cpu",
    stream: Literal[True],
    progress: bool = False,
    allow_code: bool = False,
) -> Iterator[Prediction]: ...


def predict(
    run: str | Path,
    images: Source | Iterable[Source],
    *,
    top: int = 5,
    workers: int | None = None,
    device: str = "cpu",
    stream: bool = False,
    progress: bool = False,
    allow_code: bool = False,
) -> list[Prediction] | Iterator[Prediction]:
    """The likeliest classes of images: a `Prediction` for each, in order, as often as it is named.

    Args:
        run: a run's folder, or an ONNX file that `export` wrote.
        images: a file, a folder (with all images below it, sorted), a glob, a Pillow image, a NumPy
            array (uint8, (H, W) or (H, W, 1, 3 or 4), grey, RGB or RGBA), or several of them.
        top: how many classes an image.
        workers: threads that read images; None for one a processor, at most four.
        device: where to compute, as for `evaluate`.
        stream: give predictions one by one as they come. `images` may then be an iterator without
            an end, such as the frames of a camera, of which a few are asked for at a time.
        progress: count on standard error; how many there are is found out first.
        allow_code: as for `open_run`.

    Returns:
        Predictions. One that cannot be read has its own, in its place, with `Prediction.error`
        saying why and without classes; and so has a path that names nothing.

    Raises:
        StriateError: the run or an option is at fault; or, but for `stream`, `images` is one single
            image and cannot be read.
    """
    from striate.data.finding.inputs import is_single, items
    from striate.data.scan import threads

    if top < 1:
        raise StriateError(f"top = {top}", "must be at least 1", "")
    classifier = open_classifier(run, device=device, batch_size=_TOGETHER, allow_code=allow_code)
    single, wanted, total = is_single(images), items(images), 0
    if progress:
        wanted = iter(listed := list(wanted))
        total = len(listed)
    found = _predicted(classifier, wanted, top=top, workers=threads(workers))
    if progress:
        found = _counted(found, total)
    if stream:
        return found
    predictions = list(found)
    if single and predictions[0].error:
        raise DataError(printable(predictions[0].file), predictions[0].error)
    return predictions


def _predicted(
    classifier: Classifier, items: Iterator[Item], *, top: int, workers: int
) -> Iterator[Prediction]:
    """What `classifier` predicts of `items`; it is closed at the end."""
    with classifier, closing(classifier.predict_items(items, top=top, workers=workers)) as found:
        yield from found


def _counted(found: Iterator[Prediction], total: int) -> Iterator[Prediction]:
    """What is `found`, with a count on standard error."""
    with counting("predicting images") as count:
        for done, prediction in enumerate(found, start=1):
            yield prediction
            if count is not None:
                count(done, total)


def export(
    run: str | Path,
    output: str | Path | None = None,
    *,
    opset: int | None = None,
    input_name: str = "image",
    output_name: str = "probabilities",
    dynamic: Sequence[str] = ("batch", "height", "width"),
    params: bool = True,
    capture: str = "export",
    preprocess: bool = True,
    allow_code: bool = False,
) -> ExportReport:
    """Write a run's network as one ONNX file, verified before it is moved into place.

    Args:
        run: a run's folder.
        output: the file; ``NETWORK.onnx`` in the run's folder if None.
        opset: version of the ONNX operators; 18 if None.
        input_name: of the graph's input.
        output_name: of its output.
        dynamic: which axes of the input may differ from call to call: batch, height, width. The
            last two go together: without them the graph takes pictures of the network's own size,
            resized and cropped already as the run's pre-processing says, and resizes nothing.
        params: whether the weights are in the file; without, they are inputs of the graph.
        capture: how the graph is found: ``export`` (torch.export), ``trace`` or ``script``.
        preprocess: whether any uint8 image goes in; without, a float32 one, normalised.
        allow_code: as for `open_run`.

    Raises:
        ExportError: an option cannot be met, an engine computes something else than PyTorch (it
            says by how much, and on which image), or the file cannot be written.
    """
    from striate.deploy.export import export_run
    from striate.runs.run import Run
    from striate.runs.samples import read_samples, sample_names

    opened = Run.open(run, allow_code=allow_code)
    target = Path(output) if output is not None else opened.path / f"{opened.config.stem}.onnx"
    return export_run(
        opened,
        target,
        read_samples(opened),
        names=sample_names(opened),
        opset=opset,
        input_name=input_name,
        output_name=output_name,
        dynamic=tuple(dynamic),
        params=params,
        capture=cast("Capture", capture),
        preprocess=preprocess,
    )
