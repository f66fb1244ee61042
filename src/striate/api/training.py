"""From images to a trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from striate.measuring import evaluate_own
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.data.checking.check import Report
    from striate.training.result import TrainResult


def check(
    data: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.2,
    workers: int | None = None,
    progress: bool = False,
) -> Report:
    """What is wrong with a set of images, and what they are like.

    Args:
        data: as for `train`.
        seed: decides, with `val_fraction`, the split of a folder that has none, for the duplicates
            across it.
        val_fraction: share of the images that this split holds out.
        workers: threads; None for one a processor, at most four.
        progress: count on standard error.

    Returns:
        Files that cannot be used and files named as another format, exact and near duplicates
        (between classes, too), class imbalance, sizes, channel statistics, notes. Nothing is
        changed.
    """
    from striate.data.checking.check import check as look
    from striate.data.scan import threads

    with counting("checking images", wanted=progress) as count:
        return look(
            data,
            seed=seed,
            val_fraction=val_fraction,
            workers=max(threads(workers), 1),
            progress=count,
        )


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
    weights: str | Path | None = None,
    val_fraction: float | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    tensorboard: bool = False,
    checkpoint_minutes: float = 5.0,
    progress: bool = False,
) -> TrainResult:
    """Train a network on images, evaluate it, and write a run with its report.

    The same call with the same images, seed, threads and machine gives the same weights to the bit,
    whatever `workers` is and however often it was killed and resumed.

    Args:
        data: a folder of class folders; one holding ``train/`` and ``val/`` (or ``valid/``,
            ``test/``); MNIST's IDX files; or ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``,
            ``cifar100``, ``flowers102``. Without a validation folder a fifth of the images is set
            aside, by content.
        net: a name from `list_networks`.
        recipe: ``modern`` (default), ``classic`` (the network's own paper's), or a TOML file's
            path.
        epochs: instead of the recipe's.
        size: side of the square input in pixels; the paper's if None.
        batch_size: instead of the recipe's; the learning rate is scaled with it.
        seed: decides initial weights, order, augmentation and split; 0 if None.
        out: the run's folder; ``runs/NET-DATA`` if None. It must not hold a run, except to resume
            it.
        precision: ``auto`` (default: bfloat16 where the processor gains by it), ``float32``,
            ``bfloat16``.
        device: ``auto`` (default), ``cpu``, ``cuda`` …
        workers: threads that decode and augment; None for one a processor, at most four.
        auxiliary_weights: of the auxiliary losses; the paper's if None.
        variant: the network's named variants, as for `create`.
        weights: start from published ones (``torchvision``, ``timm``, a file) and take their
            pre-processing.
        val_fraction: share of the images held out where `data` has no such part; 0.2 if None.
        skip_bad: leave unreadable files out instead of stopping at them.
        resume: go on with the run in `out` (or in `data`); start it if there is none yet.
        tensorboard: write event files as well as ``metrics.jsonl``.
        checkpoint_minutes: between checkpoints within an epoch; there is one after every epoch.
        progress: show progress on standard error.

    Returns:
        The result. Under ``torchrun`` the first of several processes has it, and the others None,
        of which the type does not speak.

    Raises:
        StriateError: data, options or recipe are at fault, or the loss became not finite.
        Interrupted: Ctrl-C; the run can be resumed.
    """
    from striate.data.sources import named_data
    from striate.support.signals import heard
    from striate.training.distributed import group
    from striate.training.ending import going_on
    from striate.training.options import Options
    from striate.training.plan import plan
    from striate.training.progress import Terminal
    from striate.training.result import TrainResult

    options = Options(
        data=None if data is None else named_data(data),
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
        weights=_text(weights),
        val_fraction=0.2 if val_fraction is None else val_fraction,
        skip_bad=skip_bad,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
        progress=progress,
    )
    with heard(), group() as processes:
        planned = plan(options, group=processes, watcher=Terminal() if progress else None)
        way_on = processes.resume_command(planned.run.path)
        with (
            planned.held or nullcontext(),
            going_on(
                lambda: "after training, in its evaluation and report",
                lambda: f"go on with: {way_on}",
            ),
        ):
            state = planned.training.run()
            if not processes.leads:
                return cast("TrainResult", None)
            evaluation = evaluate_own(
                planned.run,
                planned.data,
                workers=workers,
                device=planned.run.config.device,  # where validation was: one figure for one thing
                progress=progress,
            )
        timing = planned.run.timing
        assert state.best is not None
        return TrainResult(
            run=planned.run.path,
            network=planned.run.config.network,
            epochs=state.epoch,
            best_epoch=state.best.epoch,
            images=evaluation.images,
            classes=len(evaluation.classes),
            top1=evaluation.top1,
            top5=evaluation.top5,
            loss=evaluation.loss,
            interval=evaluation.interval,
            seconds=round(sum(entry["seconds"] for entry in timing), 1),
            report=planned.run.path / "report.html",
        )


def _text(data: str | Path | None) -> str | None:
    return None if data is None else str(data)
