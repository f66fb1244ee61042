"""From a command's options to the decisions of one run, written down before its first step."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, count
from pathlib import Path

from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.data.scan import threads
from striate.data.sources import Data
from striate.data.statistics import Statistics, channel_statistics
from striate.errors import DataError, Interrupted, RunError, StriateError, parameter
from striate.runs.claim import Held, claim, claim_first
from striate.runs.config import DataOrigin, RunConfig
from striate.runs.images import keep_images
from striate.runs.run import Run
from striate.support import settings
from striate.support.paths import is_folder, resolved, shown
from striate.training.assemble import describe, make_training, open_board, open_images_of
from striate.training.distributed import Group
from striate.training.holding import Holding
from striate.training.loop import Training
from striate.training.options import Options, Place, check
from striate.training.precision import (
    choose_device,
    choose_precision,
    count_macs,
    processor_threads,
)
from striate.training.pretrained import find_weights, preprocessing_from, record, start_from
from striate.training.progress import Watcher
from striate.training.recipe import Input, Recipe, load_recipe
from striate.training.resume import plan_resumed, resumed_run
from striate.zoo.catalogue import Entry, entry
from striate.zoo.create import canonical, create

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A training that is ready to run."""

    run: Run
    training: Training
    data: Data
    held: Held | None
    """The run's folder, to be let go of when all is written; the leader alone has it."""


def plan(options: Options, *, group: Group, watcher: Watcher | None = None) -> Planned:
    """Decide everything about the training that `options` ask for, and write ``run.toml``.

    The run's folder is claimed before the images are looked at, which takes minutes; where nothing
    comes of it, it is given up again.

    Raises
    ------
    StriateError: something in the options, the data or the run directory is at fault, or another
        process is writing into that. Nothing has been written to an existing run.
    Interrupted: Ctrl-C; it says what there is now.
    """
    check(options)
    target = resumed_run(options)
    holding = Holding(group)
    try:
        with holding:
            if target is None:
                run, training, data = _plan_new(options, group, watcher, holding)
            else:
                run, training, data = plan_resumed(target, options, group, watcher, holding)
            return Planned(run=run, training=training, data=data, held=holding.handed_on())
    except KeyboardInterrupt as stop:
        begun = target or holding.begun
        if begun is None:
            raise Interrupted("before the run was begun: nothing of it was kept") from stop
        way_on = group.resume_command(begun)
        raise Interrupted(f"before the next step; go on with: {way_on}") from stop


def _plan_new(
    options: Options, group: Group, watcher: Watcher | None, holding: Holding
) -> tuple[Run, Training, Data]:
    device = choose_device(options.device or "auto")
    place = Place(device=device, group=group, watcher=watcher)
    if options.data is None or options.net is None:
        raise StriateError("train", f"needs data and {parameter('net')}", "e.g. digits and lenet")
    known = entry(options.net)
    seed = options.seed or 0
    variant = canonical(known.name, dict(options.variant))
    source, asked = options.data, options.out
    resumed = "resume it, or choose another folder"
    out = holding.take(lambda: claim_out(source, asked, known.name, otherwise=resumed))
    # Before the images, which take minutes to read: what is wrong with a file is known at once.
    weights = None
    if options.weights is not None:
        weights = find_weights(options.weights, known.name, place, variant)
    data = open_images_of(options.data, seed=seed, options=options, place=place)
    grey = data.train.is_grey and data.val.is_grey
    in_channels = 1 if known.input[0] == 1 and grey else 3
    published = None
    with settings.seeded(seed):
        network = create(known.name, classes=len(data.classes), in_channels=in_channels, **variant)
        if weights is not None:
            published = start_from(weights, network, classes=len(data.classes), place=place)
    recipe = _choose_recipe(options, known, network, images=len(data.train), grey=grey)
    _check_batch(recipe, data, network, group)
    preprocessing = preprocessing_from(published, options.size) if published else None
    if preprocessing is None:
        statistics = channel_statistics(data.train, in_channels)
        preprocessing = _preprocessing(recipe.preprocessing, known, options.size, statistics)
    # One forward without numbers: a size that the network cannot take is found out here.
    count_macs(network, preprocessing.input_size)
    precision = choose_precision(
        options.precision or "auto", network, preprocessing.input_size, device
    )
    config = RunConfig(
        network=known.name,
        classes=data.classes,
        in_channels=in_channels,
        preprocessing=preprocessing,
        recipe=recipe.to_dict(),
        data=origin_of(data, options.val_fraction),
        variant=variant,
        weights=record(published, str(options.weights)) if published else None,
        seed=seed,
        precision=precision,
        validation_precision="float32",
        device=device.type,
        threads=processor_threads(group.world),
        world=group.world,
        workers=threads(options.workers),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )
    run = Run(out, config)
    training = make_training(run, network, data, recipe, options=options, place=place)
    describe(data, place)
    if group.leads:
        keep_images(out, data)
    holding.begin(config)
    open_board(training, run, options)
    return run, training, data


def _choose_recipe(
    options: Options, known: Entry, network: nn.Module, *, images: int, grey: bool
) -> Recipe:
    recipe = load_recipe(
        options.recipe or "modern",
        network=known.name,
        family=known.family,
        normalised=has_batch_norm(network),
        grey=grey,
        small=(options.size or max(known.input[1:])) <= 64,
    )
    recipe = recipe.at_size(options.size or known.input[1], known.input[1])
    if options.batch_size is None:
        recipe = recipe.fitted_to(images)
    return recipe.with_changes(
        epochs=options.epochs,
        batch_size=options.batch_size,
        auxiliary_weights=options.auxiliary_weights,
    )


def has_batch_norm(network: nn.Module) -> bool:
    """Whether `network` normalises over its batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())


def claim_out(data: str, wanted: Path | None, network: str, *, otherwise: str) -> Held:
    """Claim the folder for a new run: an empty or a new one, and none among the images.

    Where none is `wanted` it is called after `network` and `data`; `otherwise` as for `claim`.
    """
    images = resolved(data, kind=DataError)
    if wanted is not None:
        out = resolved(wanted, kind=RunError)
        _refuse_among_images(out, images)
        return claim(out, otherwise=otherwise)
    stem = re.sub(r"[^\w.-]+", "-", images.name).strip("-") or "data"
    # A legal name with something before and behind it would exceed what a name may have.
    base = Path("runs").resolve() / f"{network}-{stem[:100]}"
    _refuse_among_images(base, images)
    numbered = (base.with_name(f"{base.name}-{number}") for number in count(2))
    return claim_first(chain([base], numbered))


def _refuse_among_images(out: Path, images: Path) -> None:
    if is_folder(images, kind=DataError) and out.is_relative_to(images):
        raise RunError(
            shown(out), "lies in the folder of the images", "choose a folder outside it for the run"
        )


def _check_batch(recipe: Recipe, data: Data, network: nn.Module, group: Group) -> None:
    share = min(recipe.batch_size, len(data.train)) // group.world
    if share < 2 and has_batch_norm(network):
        raise StriateError(
            f"a batch of {share} a process",
            "cannot train a network with batch norm, which needs two images to compare",
            "take larger batches, or add images",
        )
    if recipe.batch_size < group.world:
        raise StriateError(
            f"a batch of {recipe.batch_size}",
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
    side = max(height, width)
    resize = spec.resize or (round(side * 256 / 224) if side > 64 else side)
    return Preprocessing(
        fit=spec.fit,
        resize=resize,
        height=height,
        width=width,
        channels=channels,
        fill=spec.fill,
        interpolation=spec.interpolation,
        mean=tuple(round(value, 6) for value in mean),
        std=tuple(round(max(value, 1e-3), 6) for value in std),
    )


def origin_of(data: Data, val_fraction: float) -> DataOrigin:
    """Which images `data` holds, as a run writes it down."""
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


def versions() -> dict[str, str]:
    """What the run is made with, for ``run.toml``."""
    packages = ("striate", "torch", "torchvision", "numpy", "pillow", "simplejpeg")
    found = {package: version(package) for package in packages}
    return {"python": platform.python_version(), **found, "machine": platform.platform()}
