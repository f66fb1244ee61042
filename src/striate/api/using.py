"""What a run is for: measuring it, asking it, carrying it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, overload

from striate.errors import DataError, StriateError
from striate.measuring import evaluate_again, evaluate_on, origin_of
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.finding.inputs import Source
    from striate.deploy.export import ExportReport
    from striate.engines.capture import Capture
    from striate.evaluation.metrics import Evaluation
    from striate.inference.predict import Prediction
    from striate.runs.run import Run


def open_run(path: str | Path, *, allow_code: bool = False) -> Run:
    """The run at `path`: its classes, pre-processing, network, metrics and configuration.

    `allow_code` lets it run the Python code that it names as its network: only if you trust whoever
    made it.
    """
    from striate.runs.run import Run

    return Run.open(path, allow_code=allow_code)


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
        run: a run's folder.
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
    from striate.runs.run import Run

    opened = Run.open(run, allow_code=allow_code)
    if data is None and not all_images:
        return evaluate_again(
            opened, skip_bad=skip_bad, workers=workers, device=device, progress=progress
        )
    return evaluate_on(
        opened,
        origin_of(opened) if data is None else data,
        all_images=all_images,
        skip_bad=skip_bad,
        workers=workers,
        device=device,
        progress=progress,
    )


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
        run: a run's folder.
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
    from striate.engines.precision import choose_device
    from striate.inference.predict import predict_items
    from striate.runs.run import Run

    opened = Run.open(run, allow_code=allow_code)
    if top < 1:
        raise StriateError(f"top = {top}", "must be at least 1", "")
    single, wanted = is_single(images), items(images)
    listed = list(wanted) if progress else None
    found = predict_items(
        opened.network(),
        wanted if listed is None else listed,
        opened.preprocessing,
        opened.classes,
        top=top,
        workers=threads(workers),
        device=choose_device(device),
    )
    if listed is not None:
        found = _counted(found, len(listed))
    if stream:
        return found
    predictions = list(found)
    if single and predictions[0].error:
        raise DataError(printable(predictions[0].file), predictions[0].error)
    return predictions


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
