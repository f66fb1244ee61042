"""From a command's options to the decisions of one run, written down before its first step."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.data.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from striate.data.scan import threads
from striate.data.sources import Data, named_data
from striate.data.statistics import Statistics, channel_statistics
from striate.data.targets import Answers
from striate.data.working_copies.made import knowing
from striate.engines.precision import choose_device, choose_precision
from striate.errors import Interrupted, NetworkError, StriateError, parameter
from striate.hub.found import Found
from striate.hub.outputs import has_linear_outputs
from striate.hub.subject import Subject, recipe_names, stem_of, subject
from striate.hub.weights import Published, preprocessing_from, trained_for
from striate.recipes.load import load_recipe
from striate.recipes.recipe import Input, Recipe
from striate.recipes.settings import with_settings
from striate.runs.claim import Held
from striate.runs.config import RunConfig
from striate.runs.folder import claim_out
from striate.runs.images import keep_images
from striate.runs.origins import WeightsOrigin
from striate.runs.own_code import keep_code, origin_of, read_code, refuse_changed
from striate.runs.provenance import data_origin, provenance, weights_origin
from striate.runs.run import Run
from striate.runs.targets import scaled
from striate.support import settings
from striate.support.processors import processor_threads
from striate.training.assemble import (
    find_starting_weights,
    given_weights,
    make_callbacks,
    make_setup,
    make_training,
    open_images_of,
    start_from,
)
from striate.training.callbacks.several import Callbacks
from striate.training.deadline import Closing, Deadline
from striate.training.distributed import Group
from striate.training.growth import fit_sizes
from striate.training.holding import Holding
from striate.training.loop import Training
from striate.training.options import TrainOptions, tracked
from striate.training.photographs import Photographs, Shape, where_kept
from striate.training.place import Place
from striate.training.range_test import found_rate
from striate.training.resume import plan_resumed, resumed_run
from striate.training.selection import check_choices, note_on_imbalance
from striate.training.settled import settings_of

#: What to do where the folder that was asked for holds a run.
OTHERWISE = "resume it, or choose another folder"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A training that is ready to run."""

    run: Run
    training: Training
    data: Data
    held: Held | None
    """The run's folder, to be let go of when all is written; the leader alone has it."""


def plan(
    options: TrainOptions,
    *,
    group: Group,
    began: float | None = None,
    split_seed: int | None = None,
    closing: Closing | None = None,
) -> Planned:
    """Decide everything about the training that `options` ask for, and write ``run.toml``.

    Of a new run `split_seed` decides which images are held out, where that is left to chance; the
    run's own seed if it is None.

    Where it has to take some minutes, these count from `began`, by `time.monotonic`; from now on if
    that is None. `closing` tells what of them the report needs.

    The run's folder is claimed before the images are looked at, which takes minutes; where nothing
    comes of it, it is given up again.

    Raises:
        StriateError: something in the options, the data or the run directory is at fault, or
            another process is writing into that. Nothing has been written to an existing run.
        Interrupted: Ctrl-C; it says what there is now.
    """
    if options.data is not None:
        options = replace(options, data=named_data(options.data))
    settings_of(options)  # what contradicts itself is known before anything is looked at
    target = resumed_run(options)
    if target is None:
        check_choices(
            options.class_weights,
            options.select,
            options.loss,
            numbers=bool(options.target),
        )
    deadline = None
    if options.minutes is not None:
        now = time.monotonic()
        deadline = Deadline(
            minutes=options.minutes, began=now if began is None else began, closing=closing
        )
    callbacks = make_callbacks(
        options.callbacks,
        group=group,
        progress=options.progress,
        track=tracked(options),
        run=target,
    )
    holding = Holding(group)
    try:
        with holding:
            if target is None:
                split = (options.seed or 0) if split_seed is None else split_seed
                run, training, data = _plan_new(
                    options, group, callbacks, holding, deadline, split_seed=split
                )
            else:
                run, training, data = plan_resumed(target, options, group, callbacks, holding)
            return Planned(run=run, training=training, data=data, held=holding.handed_on())
    except KeyboardInterrupt as stop:
        begun = target or holding.begun
        if begun is None:
            raise Interrupted("before the run was begun: nothing of it was kept") from stop
        way_on = group.resume_command(begun)
        raise Interrupted(f"before the next step; go on with: {way_on}") from stop


def _plan_new(
    options: TrainOptions,
    group: Group,
    callbacks: Callbacks,
    holding: Holding,
    deadline: Deadline | None,
    *,
    split_seed: int,
) -> tuple[Run, Training, Data]:
    device = choose_device(options.device or "auto")
    place = Place(device=device, group=group, callbacks=callbacks)
    if options.data is None or options.net is None:
        raise StriateError("train", f"needs data and {parameter('net')}", "e.g. digits and lenet")
    known, seed = subject(options.net, options.variant, options.size), options.seed or 0
    answers = Answers.of(options.target, options.unit, options.label)
    code = {} if known.file is None else read_code(known.file, known.files)
    source, asked, stem = options.data, options.out, stem_of(options.net)
    out = holding.take(lambda: claim_out(source, asked, stem, otherwise=OTHERWISE))
    # Before the images, which take minutes to read: what is wrong with a file is known at once.
    weights = None
    if options.weights is not None:
        weights = find_starting_weights(str(options.weights), known.name, place, known.variant)
    photographs = Photographs(
        where_kept(options.working_copies),
        seed=split_seed,
        val_fraction=options.val_fraction,
        shape=_guessed_shape(options, known, weights),
    )
    data = open_images_of(
        options.data,
        seed=split_seed,
        options=options,
        place=place,
        answers=answers,
        visitors=photographs.made.visitors,
    )
    data = knowing(data, photographs.made)
    targets = scaled(data.train)
    grey = data.train.is_grey and data.val.is_grey
    in_channels = known.in_channels(grey=grey)
    outputs = len(data.classes or targets)
    with settings.seeded(seed):
        network = known.make(classes=outputs, in_channels=in_channels)
        if known.file is not None:
            refuse_changed(known.file, code)
        published = start_from(weights, network, classes=outputs, place=place) if weights else None
    recipe = _choose_recipe(options, known, network, images=len(data.train), grey=grey)
    preprocessing = preprocessing_from(published, options.size) if published else None
    if preprocessing is None:
        statistics = channel_statistics(data.train, in_channels)
        preprocessing = _preprocessing(recipe.preprocessing, known, options.size, statistics)
    shape = Shape(preprocessing=preprocessing, augmentation=recipe.augmentation)
    data = photographs.settled(data, shape, place, options)
    if targets:
        _check_linear(known.name, network, preprocessing.input_size)
    _check_batches(network, recipe, data, group)
    # One forward without numbers: a size that the network cannot take is found out here.
    count_macs(network, preprocessing.input_size)
    recipe, note = fit_sizes(recipe, network, preprocessing.input_size)
    if note:
        callbacks.on_note(note)
    precision = choose_precision(
        options.precision or "auto", network, preprocessing.input_size, device
    )
    config = RunConfig(
        network=known.name,
        classes=data.classes,
        targets=targets,
        in_channels=in_channels,
        preprocessing=preprocessing,
        recipe=recipe,
        data=data_origin(data, options.val_fraction, options.label),
        variant=dict(known.variant),
        weights=_started_from(known, published, options, group),
        code=None if known.file is None else origin_of(known.file, code),
        seed=seed,
        precision=precision,
        validation_precision="float32",
        working_copies=photographs.side,
        device=device.type,
        threads=processor_threads(group.world),
        world=group.world,
        provenance=provenance(workers=threads(options.workers), minutes=options.minutes),
    )
    run = Run(out, config, allow_code=known.is_code, given=known.given)
    run, training = _to_be_run(deadline, run, network, data, options=options, place=place)
    callbacks.on_note(data.described)
    if note := note_on_imbalance(data.train, recipe.loss.class_weights):
        callbacks.on_note(note)
    if group.leads:
        keep_images(out, data)
        if code:
            keep_code(out, code)
    holding.begin(run.config)
    return run, training, data


def _started_from(
    known: Subject, published: Published | None, options: TrainOptions, group: Group
) -> WeightsOrigin | None:
    """Which weights the network starts from; None for random ones."""
    if published is not None:
        return weights_origin(published, str(options.weights))
    return None if known.given is None else given_weights(known.given, group)


def _to_be_run(
    deadline: Deadline | None,
    run: Run,
    network: nn.Module,
    data: Data,
    *,
    options: TrainOptions,
    place: Place,
) -> tuple[Run, Training]:
    """The training of `network` by the recipe of `run`, with what has to be measured before.

    That is the learning rate where it is to be found, and how many epochs fit until a `deadline`.
    """
    if options.find_lr:
        run = found_rate(run, network, data, options=options, place=place)
    if deadline is None:
        return run, make_training(run, network, data, options=options, place=place)
    setup = make_setup(run, network, data, options=options, place=place)
    recipe, seen, note = place.group.lead(lambda: deadline.fit(setup))
    place.callbacks.on_note(note)
    timed = run.decided(replace(run.config, recipe=recipe))
    training = make_training(timed, network, data, options=options, place=place)
    training.setup.deadline = deadline
    training.course.time_left.take_over(seen)
    return timed, training


def _guessed_shape(options: TrainOptions, known: Subject, weights: Found | None) -> Shape:
    """The shape of the images for the network called for, before these have been looked at."""
    recipe = _read_recipe(options, known, normalised=True, grey=False)
    channels = known.input[0]
    statistics = Statistics(
        mean=(0.5,) * channels,
        std=(0.5,) * channels,
        eigenvalues=(),
        eigenvectors=(),
        images=0,
        of=0,
    )
    preprocessing = None
    if weights is not None:
        preprocessing = trained_for(weights.preprocessing, options.size)
    if preprocessing is None:
        preprocessing = _preprocessing(recipe.preprocessing, known, options.size, statistics)
    return Shape(preprocessing=preprocessing, augmentation=recipe.augmentation)


def _read_recipe(options: TrainOptions, known: Subject, *, normalised: bool, grey: bool) -> Recipe:
    """The recipe that was asked for, at the size of the network's input, with what was set."""
    network, family = recipe_names(known.name)
    recipe = load_recipe(
        str(options.recipe or "modern"),
        network=network,
        family=family,
        normalised=normalised,
        grey=grey,
        small=(options.size or max(known.input[1:])) <= 64,
        numbers=bool(options.target),
    )
    recipe = recipe.at_size(options.size or known.input[1], known.input[1])
    return with_settings(recipe, settings_of(options))


def _choose_recipe(
    options: TrainOptions, known: Subject, network: nn.Module, *, images: int, grey: bool
) -> Recipe:
    recipe = _read_recipe(options, known, normalised=has_batch_norm(network), grey=grey)
    settings = settings_of(options)
    if options.batch_size is None and "batch_size" not in settings:
        recipe = recipe.fitted_to(images)
    given = options.auxiliary_weights
    recipe = recipe.with_changes(
        epochs=options.epochs,
        batch_size=options.batch_size,
        auxiliary_weights=None if given is None else tuple(given),
        class_weights=options.class_weights,
        select=options.select,
        loss=options.loss,
    )
    # Again: a set rate is not scaled with the batch.
    recipe = with_settings(recipe, settings)
    recipe.check_answers(numbers=bool(options.target))
    return recipe


def has_batch_norm(network: nn.Module) -> bool:
    """Whether `network` normalises over its batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())


def _check_linear(name: str, network: nn.Module, shape: tuple[int, int, int]) -> None:
    """Raise for a network whose outputs are no numbers."""
    if not has_linear_outputs(network, shape):
        raise NetworkError(
            name,
            "ends in no linear layer: its outputs, which all lie on one side of 0, are no numbers",
            "choose another network, such as lenet or resnet18",
        )


def _check_batches(network: nn.Module, recipe: Recipe, data: Data, group: Group) -> None:
    """Raise for batches that the network cannot be trained with."""
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
    spec: Input, known: Subject, size: int | None, statistics: Statistics
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
