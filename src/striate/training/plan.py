"""From a command's options to the decisions of one run, written down before its first step."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.data.sources import Data, open_data
from striate.data.statistics import Statistics, channel_statistics
from striate.errors import DataError, RunError, StriateError
from striate.runs import run as names
from striate.runs.config import DataOrigin, RunConfig
from striate.runs.files import make_folder
from striate.runs.run import Run
from striate.training.distributed import Group
from striate.training.loop import Setup, Training
from striate.training.losses import Criterion, balanced_weights
from striate.training.precision import choose_device, choose_precision, processor_threads
from striate.training.progress import Silent, Watcher
from striate.training.recipe import Input, Recipe, load_recipe
from striate.training.tensorboard import Board
from striate.zoo.catalogue import Entry, entry
from striate.zoo.create import create

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may decide about a training; None leaves it to the recipe, network or data."""

    data: str | None = None
    net: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    size: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    out: Path | None = None
    precision: str | None = None
    device: str | None = None
    workers: int | None = None
    auxiliary_weights: tuple[float, ...] | None = None
    skip_bad: bool = False
    resume: bool = False
    tensorboard: bool = False
    checkpoint_minutes: float = 5.0
    val_fraction: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training computes and to whom it talks."""

    device: torch.device
    group: Group
    watcher: Watcher | None


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A training that is ready to run."""

    run: Run
    training: Training
    data: Data


def plan(options: Options, *, group: Group, watcher: Watcher | None = None) -> Planned:
    """Decide everything about the training that `options` ask for, and write ``run.toml``.

    Raises
    ------
    StriateError: something in the options, the data or the run directory is at fault. Nothing has
        been written to an existing run.
    """
    device = choose_device(options.device or "auto")
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
    place = Place(device=device, group=group, watcher=watcher)
    target = _resumed(options)
    return _plan_new(options, place) if target is None else _plan_resumed(target, options, place)


# --- a new run -----------------------------------------------------------------------------------


def _plan_new(options: Options, place: Place) -> Planned:
    group, device = place.group, place.device
    if options.data is None or options.net is None:
        raise StriateError("train", "needs DATA and --net", "e.g. striate train digits --net lenet")
    known = entry(options.net)
    out = group.share(_choose_out(options) if group.leads else Path())
    seed = options.seed or 0
    data = _open(options.data, seed=seed, options=options)
    in_channels = 1 if known.input[0] == 1 and data.train.is_grey and data.val.is_grey else 3
    torch.set_num_threads(processor_threads(group.world))
    network = _build(known.name, classes=len(data.classes), in_channels=in_channels, seed=seed)
    recipe = _choose_recipe(options, known, network, images=len(data.train), grey=in_channels == 1)
    _check_batch(recipe, data, group)
    statistics = channel_statistics(data.train, in_channels)
    preprocessing = _preprocessing(recipe.preprocessing, known, options.size, statistics)
    precision = choose_precision(
        options.precision or "auto", network, preprocessing.input_size, device
    )
    config = RunConfig(
        network=known.name,
        classes=data.classes,
        in_channels=in_channels,
        preprocessing=preprocessing,
        recipe=recipe.to_dict(),
        data=_origin(data, options.val_fraction),
        seed=seed,
        precision=precision,
        device=device.type,
        threads=torch.get_num_threads(),
        world=group.world,
        workers=_workers(options),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
    )
    run = Run(out, config)
    if group.leads:
        make_folder(out)
        config.write(out / names.CONFIG)
    training = _training(run, network, data, recipe, options=options, place=place)
    return Planned(run=run, training=training, data=data)


def _choose_recipe(
    options: Options, known: Entry, network: nn.Module, *, images: int, grey: bool
) -> Recipe:
    normalised = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
    recipe = load_recipe(
        options.recipe or "modern",
        network=known.name,
        family=known.family,
        normalised=normalised,
        grey=grey,
        small=(options.size or max(known.input[1:])) <= 64,
    )
    if options.batch_size is None:
        recipe = recipe.fitted_to(images)
    return recipe.with_changes(
        epochs=options.epochs,
        batch_size=options.batch_size,
        auxiliary_weights=options.auxiliary_weights,
    )


def _choose_out(options: Options) -> Path:
    """The folder for a new run: never one that holds a run already."""
    if options.out is not None:
        out = options.out.expanduser().resolve()
        if (out / names.CONFIG).exists():
            raise RunError(
                str(out), "holds a run already", "go on with --resume, or choose another --out"
            )
        return out
    stem = re.sub(r"[^\w.-]+", "-", Path(str(options.data)).resolve().name).strip("-") or "data"
    base = Path("runs").resolve() / f"{options.net}-{stem}"
    out, number = base, 2
    while out.exists():
        out, number = base.with_name(f"{base.name}-{number}"), number + 1
    return out


def _check_batch(recipe: Recipe, data: Data, group: Group) -> None:
    if len(data.val) == 0:
        raise DataError(
            data.origin, "has no image to validate on", "add images, or a val/ folder beside train/"
        )
    if recipe.batch_size < group.world:
        raise StriateError(
            f"--batch-size {recipe.batch_size}",
            f"cannot be shared by {group.world} processes",
            f"use at least {group.world}",
        )


def _preprocessing(
    spec: Input, known: Entry, size: int | None, statistics: Statistics
) -> Preprocessing:
    """The pre-processing that the recipe describes, at the size that was asked for."""
    height, width = (size, size) if size else known.input[1:]
    channels = len(statistics.mean)
    mean, std = statistics.mean, statistics.std
    if spec.statistics == "imagenet":
        mean, std = IMAGENET_MEAN[:channels], IMAGENET_STD[:channels]
    elif spec.statistics == "given":
        mean = spec.mean * channels if len(spec.mean) == 1 else spec.mean
        std = spec.std * channels if len(spec.std) == 1 else spec.std
    short = min(height, width)
    # A recipe's resize is meant for its network's own size; another size scales it.
    resize = round(spec.resize * short / min(known.input[1:]))
    if not spec.resize:
        resize = round(max(height, width) * 256 / 224) if short > 64 else max(height, width)
    return Preprocessing(
        fit=spec.fit,
        resize=resize,
        height=height,
        width=width,
        channels=channels,
        fill=spec.fill,
        mean=tuple(round(value, 6) for value in mean),
        std=tuple(round(max(value, 1e-3), 6) for value in std),
    )


# --- a run that goes on --------------------------------------------------------------------------


def _resumed(options: Options) -> Path | None:
    """The run that ``--resume`` means: --out, or DATA where that is a run; None for a new one."""
    if not options.resume:
        return None
    for given in (options.out, options.data):
        if given is not None and (Path(given).expanduser() / names.CONFIG).is_file():
            return Path(given)
    if options.out is not None and options.data is not None and options.net is not None:
        # Nothing to go on from yet: the same command starts a run and, when repeated, resumes it.
        return None
    given = options.out or options.data
    if given is None:
        raise StriateError("--resume", "needs a run", "e.g. striate train RUN --resume")
    Run.open(given)
    return Path(given)


def _plan_resumed(path: Path, options: Options, place: Place) -> Planned:
    group = place.group
    run = Run.open(path)
    config = run.config
    recipe = Recipe.from_dict(config.recipe, f"{run.path / names.CONFIG} [recipe]")
    _refuse_changes(options, config, recipe)
    if group.world != config.world:
        raise RunError(
            str(run.path),
            f"was trained by {config.world} processes, not {group.world}",
            f"go on with torchrun --nproc-per-node {config.world}",
        )
    given = options.data
    moved = given is not None and Path(given).expanduser().resolve() != run.path
    data = _open(
        given if moved and given is not None else config.data.origin,
        seed=config.seed,
        options=replace(
            options,
            val_fraction=config.data.val_fraction,
            skip_bad=options.skip_bad or config.data.skipped > 0,
        ),
    )
    if data.fingerprint != config.data.fingerprint:
        raise RunError(
            str(run.path),
            f"was trained on other images than those now in {data.origin}",
            "restore them, or train anew",
        )
    torch.set_num_threads(config.threads)
    network = _build(
        config.network,
        classes=len(config.classes),
        in_channels=config.in_channels,
        seed=config.seed,
        variant=config.variant,
    )
    training = _training(run, network, data, recipe, options=options, place=place)
    if (run.path / names.STATE).exists() or (run.path / names.WEIGHTS).exists():
        training.resume()
    return Planned(run=run, training=training, data=data)


def _refuse_changes(options: Options, config: RunConfig, recipe: Recipe) -> None:
    """A run goes on as it began: a flag that says otherwise is a mistake."""
    settled: Mapping[str, tuple[Any, Any]] = {
        "net": (options.net, config.network),
        "epochs": (options.epochs, recipe.epochs),
        "size": (options.size, config.preprocessing.height),
        "batch-size": (options.batch_size, recipe.batch_size),
        "seed": (options.seed, config.seed),
        "precision": (
            None if options.precision == "auto" else options.precision,
            config.precision,
        ),
    }
    for flag, (given, kept) in settled.items():
        if given is not None and given != kept:
            raise RunError(
                f"--{flag} {given}",
                f"the run to go on with has {kept}",
                "leave the flag out, or train anew in another --out",
            )


# --- both ----------------------------------------------------------------------------------------


def _open(data: str, *, seed: int, options: Options) -> Data:
    return open_data(
        data,
        seed=seed,
        val_fraction=options.val_fraction,
        skip_bad=options.skip_bad,
        download=True,
        workers=_workers(options),
    )


def _workers(options: Options) -> int:
    if options.workers is None:
        return min(os.cpu_count() or 1, 4)
    if options.workers < 0:
        raise StriateError(f"--workers {options.workers}", "must be 0 or more", "")
    return options.workers


def _build(
    name: str,
    *,
    classes: int,
    in_channels: int,
    seed: int,
    variant: Mapping[str, Any] | None = None,
) -> nn.Module:
    torch.manual_seed(seed)
    return create(name, classes=classes, in_channels=in_channels, **(variant or {}))


def _training(
    run: Run,
    network: nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    options: Options,
    place: Place,
) -> Training:
    train, validation = _loaders(run, data, recipe, _workers(options), place.group)
    weights = None
    if recipe.loss.class_weights == "balanced":
        weights = balanced_weights(data.train.labels, len(data.classes))
        weights = weights.to(place.device)
    board = None
    if options.tensorboard and place.group.leads:
        make_folder(run.path)
        board = Board(run.path, done=len(run.metrics))
    setup = Setup(
        path=run.path,
        identity=run.config.identity,
        recipe=recipe,
        network=network,
        train=train,
        validation=validation,
        criterion=Criterion(recipe.loss, network, weights),
        seed=run.config.seed,
        device=place.device,
        precision=run.config.precision,
        group=place.group,
        watcher=(place.watcher if place.group.leads else None) or Silent(),
        checkpoint_seconds=60 * options.checkpoint_minutes,
        board=board,
    )
    return Training(setup)


def _loaders(
    run: Run, data: Data, recipe: Recipe, workers: int, group: Group
) -> tuple[Loader, Loader]:
    """What training and validation read from."""
    # Computed anew when a run is resumed: the images are the same, hence so is the result.
    principal = None
    if recipe.augmentation.pca:
        principal = channel_statistics(data.train, run.config.in_channels, workers=workers)
    train = Loader(
        data.train,
        run.preprocessing,
        recipe.augmentation,
        batch_size=recipe.batch_size,
        seed=run.config.seed,
        workers=workers,
        shuffle=True,
        drop_last=True,
        rank=group.rank,
        world=group.world,
        statistics=principal,
    )
    # Validation needs no gradients, hence room for larger batches than a recipe of single images.
    small = run.preprocessing.height <= 64
    validation = Loader(
        data.val,
        run.preprocessing,
        None,
        batch_size=max(recipe.batch_size, 256 if small else 32),
        workers=workers,
        shuffle=False,
        rank=group.rank,
        world=group.world,
    )
    return train, validation


def _origin(data: Data, val_fraction: float) -> DataOrigin:
    return DataOrigin(
        origin=data.origin,
        fingerprint=data.fingerprint,
        val_fraction=val_fraction,
        train_images=len(data.train),
        val_images=len(data.val),
        test_images=0 if data.test is None else len(data.test),
        held_out=data.held_out_name,
        skipped=len(data.skipped),
    )


def _versions() -> dict[str, str]:
    packages = ("striate", "torch", "torchvision", "numpy", "pillow")
    found = {package: version(package) for package in packages}
    return {"python": platform.python_version(), **found, "machine": platform.platform()}
