"""The public functions, which the commands, notebooks and experiments call.

Each does what the command of the same name does and returns what that prints. All raise
`striate.StriateError` where the caller's input is at fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from striate.console import counting
from striate.errors import Interrupted, StriateError
from striate.measuring import evaluate_own, own_data, samples

if TYPE_CHECKING:
    from torch import nn

    from striate.data.check import Report
    from striate.deploy.capture import Capture
    from striate.deploy.export import ExportReport
    from striate.evaluation.metrics import Evaluation
    from striate.evaluation.predict import Prediction
    from striate.runs.run import Run
    from striate.training.result import TrainResult
    from striate.zoo.catalogue import Entry


def catalogue() -> tuple[Entry, ...]:
    """Every network: name, family, title, paper, year, input (C, H, W), parameters, MACs.

    Read from a data file that the tests keep true, so that it needs no torch.
    """
    from striate.zoo.catalogue import entries

    return entries()


def create(
    name: str, classes: int | None = None, in_channels: int | None = None, **variant: Any
) -> nn.Module:
    """The network called `name`, freshly initialised as its paper does.

    Parameters
    ----------
    name: one of `catalogue`.
    classes: outputs; None for the paper's own number.
    in_channels: 1 for grey images, 3 for colour; None for the paper's own.
    variant: the network's named variants, such as ``auxiliary=True`` for ``googlenet_bn``.

    Returns
    -------
    A module whose ``forward`` takes (N, C, H, W) and returns logits (N, classes); networks with
    auxiliary heads return ``TrainingOutput(logits, auxiliary)`` in training mode. ``features``
    gives the last feature map and ``embed`` the vector that the classifier sees.
    """
    from striate.zoo.create import create as make

    return make(name, classes=classes, in_channels=in_channels, **variant)


def open_run(path: str | Path) -> Run:
    """The run at `path`: its classes, pre-processing, network, metrics and configuration."""
    from striate.runs.run import Run

    return Run.open(path)


def check(
    data: str | Path, *, seed: int = 0, workers: int | None = None, progress: bool = False
) -> Report:
    """What is wrong with a set of images, and what they are like.

    Parameters
    ----------
    data: as for `train`.
    seed: decides the split of a folder that has none, for the duplicates across it.
    workers: threads; None for one a processor, at most four.
    progress: count on standard error.

    Returns
    -------
    Unreadable, truncated, empty and mislabelled files, decompression bombs, exact and near
    duplicates, class imbalance, sizes, channel statistics. Nothing is changed.
    """
    from striate.data.check import check as look
    from striate.data.scan import threads

    with counting("checking images", wanted=progress) as count:
        return look(data, seed=seed, workers=max(threads(workers), 1), progress=count)


def train(
    data: str | Path | None = None,
    *,
    net: str | None = None,
    recipe: str | None = None,
    epochs: int | None = None,
    size: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    precision: str | None = None,
    device: str | None = None,
    workers: int | None = None,
    auxiliary_weights: Sequence[float] | None = None,
    variant: Mapping[str, Any] | None = None,
    val_fraction: float | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    tensorboard: bool = False,
    checkpoint_minutes: float = 5.0,
    progress: bool = False,
) -> TrainResult | None:
    """Train a network on images, evaluate it, and write a run with its report.

    The same call with the same images, seed, threads and machine gives the same weights to the bit,
    whatever `workers` is and however often it was killed and resumed.

    Parameters
    ----------
    data: a folder of class folders; one holding ``train/`` and ``val/`` (or ``valid/``, ``test/``);
        MNIST's IDX files; or ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``cifar100``,
        ``flowers102``. Without a validation folder a fifth of the images is set aside, by content.
    net: a name from `catalogue`.
    recipe: ``modern`` (default), ``classic`` (the network's own paper's), or a TOML file's path.
    epochs, batch_size: instead of the recipe's; another batch size scales the learning rate.
    size: side of the square input in pixels; the paper's if None.
    seed: decides initial weights, order, augmentation and split; 0 if None.
    out: the run's folder; ``runs/NET-DATA`` if None. It must not hold a run, except to resume it.
    precision: ``auto`` (default: bfloat16 where the processor gains by it), ``float32``,
        ``bfloat16``.
    device: ``auto`` (default), ``cpu``, ``cuda`` …
    workers: threads that decode and augment; None for one a processor, at most four.
    auxiliary_weights: of the auxiliary losses; the paper's if None.
    variant: the network's named variants, as for `create`.
    val_fraction: share of the images held out where `data` has no such part; 0.2 if None.
    skip_bad: leave unreadable files out instead of stopping at them.
    resume: go on with the run in `out` (or in `data`); start it if there is none yet.
    tensorboard: write event files as well as ``metrics.jsonl``.
    checkpoint_minutes: between checkpoints within an epoch; there is one after every epoch.
    progress: show progress on standard error.

    Returns
    -------
    The result; None in all but the first of several processes under ``torchrun``.

    Raises
    ------
    StriateError: data, options or recipe are at fault, or the loss became not finite.
    Interrupted: Ctrl-C; the run can be resumed.
    """
    from striate.training.distributed import group
    from striate.training.options import Options
    from striate.training.plan import plan
    from striate.training.progress import Terminal
    from striate.training.result import TrainResult

    options = Options(
        # A path is a path, even where a folder is called like a known data set.
        data=str(data.resolve()) if isinstance(data, Path) and data.is_dir() else _text(data),
        net=net,
        recipe=recipe,
        epochs=epochs,
        size=size,
        batch_size=batch_size,
        seed=seed,
        out=None if out is None else Path(out),
        precision=precision,
        device=device,
        workers=workers,
        auxiliary_weights=None if auxiliary_weights is None else tuple(auxiliary_weights),
        variant=tuple((variant or {}).items()),
        val_fraction=0.2 if val_fraction is None else val_fraction,
        skip_bad=skip_bad,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
        progress=progress,
    )
    with group() as processes:
        planned = plan(options, group=processes, watcher=Terminal() if progress else None)
        state = planned.training.run()
        if not processes.leads:
            return None
        try:
            evaluation = evaluate_own(planned.run, planned.data, workers=workers, progress=progress)
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"in the final evaluation; go on with: {processes.resume_command(planned.run.path)}"
            ) from stop
        timing = planned.run.timing
        assert state.best is not None
        return TrainResult(
            run=planned.run.path,
            network=planned.run.config.network,
            epochs=state.epoch,
            best_epoch=state.best.epoch,
            images=evaluation.images,
            top1=evaluation.top1,
            top5=evaluation.top5,
            loss=evaluation.loss,
            interval=evaluation.interval,
            seconds=round(sum(entry["seconds"] for entry in timing), 1),
            report=planned.run.path / "report.html",
        )


def evaluate(
    run: str | Path,
    data: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: bool = False,
) -> Evaluation:
    """Measure a run's network on images that it was not trained on.

    Parameters
    ----------
    run: a run's folder.
    data: other images with the run's classes, as for `train`: their ``test/``, else their
        ``val/``, else, where a folder has no such parts, all of them. If they are the images that
        the run was made with, wherever they are now: those that were held out. None: the run's own
        held-out images, in which case the run's report is made anew.

    Returns
    -------
    top-1, top-5, loss, calibration error, interval, per-class figures, confusion matrix.
    """
    from striate.runs.run import Run

    opened = Run.open(run)
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
) -> list[Prediction]:
    """The likeliest classes of images.

    Parameters
    ----------
    run: a run's folder.
    images: a file, a folder (with all below it), a glob, or several of them.
    top: how many classes an image.
    """
    from striate.data.scan import threads
    from striate.data.sources import open_images
    from striate.evaluation.predict import predict_files
    from striate.runs.run import Run

    opened = Run.open(run)
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
) -> ExportReport:
    """Write a run's network as one ONNX file, verified before it is moved into place.

    Parameters
    ----------
    run: a run's folder.
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

    opened = Run.open(run)
    target = Path(output) if output is not None else opened.path / f"{opened.config.network}.onnx"
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


def _text(data: str | Path | None) -> str | None:
    return None if data is None else str(data)
