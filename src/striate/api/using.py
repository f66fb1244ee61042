"""What a run is for: measuring it, asking it, carrying it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from striate.errors import StriateError
from striate.measuring import evaluate_own, own_data, samples
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.deploy.capture import Capture
    from striate.deploy.export import ExportReport
    from striate.evaluation.metrics import Evaluation
    from striate.evaluation.predict import Prediction
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
    workers: int | None = None,
    progress: bool = False,
    allow_code: bool = False,
) -> Evaluation:
    """Measure a run's network on images that it was not trained on.

    Parameters
    ----------
    run: a run's folder.
    allow_code: as for `open_run`.
    data: other images with the run's classes, as for `train`: their ``test/``, else their
        ``val/``, else, where a folder has no such parts, all of them. If they are the images that
        the run was made with, wherever they are now: those that were held out. None: the run's own
        held-out images, in which case the run's report is made anew.

    Returns
    -------
    top-1, top-5, loss, calibration error, interval, per-class figures, confusion matrix.
    """
    from striate.runs.run import Run

    opened = Run.open(run, allow_code=allow_code)
    if data is None:
        own = own_data(opened, workers=workers, progress=progress)
        return evaluate_own(opened, own, workers=workers, progress=progress)
    from striate.data.scan import threads
    from striate.data.sources import open_labelled
    from striate.evaluation.metrics import measure
    from striate.evaluation.predict import probabilities

    with counting("checking images", wanted=progress) as count:
        images = open_labelled(
            data,
            classes=opened.classes,
            seed=opened.config.seed,
            val_fraction=opened.config.data.val_fraction,
            trained_on=opened.config.data.fingerprint,
            workers=max(threads(workers), 1),
            progress=count,
        )
    with counting("evaluating images", wanted=progress) as count:
        found = probabilities(
            opened.network(),
            images,
            opened.preprocessing,
            workers=threads(workers),
            progress=count,
        )
    return measure(found, images.labels, opened.classes)


def predict(
    run: str | Path,
    images: str | Path | Iterable[str | Path],
    *,
    top: int = 5,
    workers: int | None = None,
    progress: bool = False,
    allow_code: bool = False,
) -> list[Prediction]:
    """The likeliest classes of images.

    Parameters
    ----------
    run: a run's folder.
    allow_code: as for `open_run`.
    images: a file, a folder (with all below it), a glob, or several of them.
    top: how many classes an image.
    """
    from striate.data.scan import threads
    from striate.data.sources import open_images
    from striate.evaluation.predict import predict_files
    from striate.runs.run import Run

    opened = Run.open(run, allow_code=allow_code)
    if top < 1:
        raise StriateError(f"--top {top}", "must be at least 1", "")
    files = open_images([images] if isinstance(images, (str, Path)) else list(images))
    with counting("predicting images", wanted=progress) as count:
        return predict_files(
            opened.network(),
            files,
            opened.preprocessing,
            opened.classes,
            top=top,
            workers=threads(workers),
            progress=count,
        )


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

    Parameters
    ----------
    run: a run's folder.
    allow_code: as for `open_run`.
    output: the file; ``NETWORK.onnx`` in the run's folder if None.
    opset: of ONNX; None for the exporter's own.
    input_name, output_name: of the graph.
    dynamic: which axes of the input may differ from call to call: batch, height, width.
    params: whether the weights are in the file; without, they are inputs of the graph.
    capture: how the graph is found: ``export`` (torch.export), ``trace`` or ``script``.
    preprocess: whether any uint8 image goes in; without, a float32 one, normalised.

    Raises
    ------
    ExportError: an engine computes something else than PyTorch; says by how much.
    """
    from striate.deploy.export import export_run
    from striate.runs.run import Run

    opened = Run.open(run, allow_code=allow_code)
    target = Path(output) if output is not None else opened.path / f"{opened.config.stem}.onnx"
    return export_run(
        opened,
        target,
        samples(opened),
        opset=opset,
        input_name=input_name,
        output_name=output_name,
        dynamic=tuple(dynamic),
        params=params,
        capture=cast("Capture", capture),
        preprocess=preprocess,
    )
