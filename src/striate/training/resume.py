"""A run that goes on: which one is meant, and whether all is as it was."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate.data.embedded.find import is_of_the_hub
from striate.data.manifest import Manifest
from striate.data.scan import Visitor
from striate.data.shards.find import is_pattern
from striate.data.sources import Data
from striate.data.targets import Answers
from striate.data.working_copies.made import knowing
from striate.engines.precision import choose_device
from striate.errors import DataError, RunError, StriateError, parameter
from striate.hub.libraries import CATALOGUE
from striate.hub.names import parse
from striate.hub.subject import name_of, recipe_names, subject
from striate.recipes.load import load_recipe
from striate.recipes.recipe import Recipe
from striate.runs import layout as names
from striate.runs.claim import hold
from striate.runs.config import RunConfig
from striate.runs.images import images_of, keep_images
from striate.runs.layout import is_run_folder
from striate.runs.networks import make_network
from striate.runs.own_code import origin_of, read_code
from striate.runs.provenance import resolved_source
from striate.runs.run import Run
from striate.runs.targets import answers_of, as_trained
from striate.support import settings
from striate.support.paths import exists, resolved, shown
from striate.support.text import printable
from striate.training.assemble import (
    find_starting_weights,
    given_weights,
    make_training,
    open_images_of,
    start_from,
)
from striate.training.callbacks.several import Callbacks
from striate.training.distributed import Group
from striate.training.holding import Holding
from striate.training.loop import Training
from striate.training.options import TrainOptions
from striate.training.photographs import Photographs, Shape, note_room, where_kept
from striate.training.place import Place
from striate.training.settled import refuse_other_settings
from striate.zoo.create import canonical


def resumed_run(options: TrainOptions) -> Path | None:
    """The run that `resume` means: `out`, or `data` where that is a run; None for a new one."""
    if not options.resume:
        return None
    for given in (options.out, options.data):
        if given is not None and is_run_folder(resolved(given, kind=RunError)):
            return resolved(given, kind=RunError)
    if options.out is not None and options.data is not None and options.net is not None:
        # Nothing to go on from yet: the same command starts a run and, when repeated, resumes it.
        return None
    given = options.out or options.data
    if given is None:
        beside = parameter("resume", True)
        raise StriateError("resume", "needs a run", f"name its folder beside {beside}")
    return Run.open(given).path


def open_again(path: Path, options: TrainOptions) -> Run:
    """The run at `path`, to go on with.

    Where its network is a person's own, `net` gives it again, or says that it may run: a file or
    a module that is named on the command line is one that its person trusts. What runs is the
    run's own copy, which hence has to be the same.

    Raises:
        RunError: there is no such run, or its code is not that of the file that was named.
        NetworkError: its network is code, which nobody has named.
    """
    net = options.net
    if isinstance(net, nn.Module):
        return Run.open(path, net=net)
    if options.allow_code or net is None or not parse(str(net)).is_code:
        return Run.open(path, allow_code=options.allow_code)
    run = Run.open(path, allow_code=True)  # nothing of it is run before its network is made
    if name_of(net) != run.config.network:
        raise _changed("net", net, run.config.network)
    if (code := run.config.code) is not None:
        named = subject(net, options.variant, options.size)
        assert named.file is not None
        if origin_of(named.file, read_code(named.file, named.files)).digest != code.digest:
            raise RunError(
                shown(named.file),
                f"is not the code that the run in {run.path} was begun with",
                f"restore it, train a new run, or let {parameter('allow_code', True)} go on with "
                "the copy in the run",
            )
    return run


def plan_resumed(
    path: Path, options: TrainOptions, group: Group, callbacks: Callbacks, holding: Holding
) -> tuple[Run, Training, Data]:
    """The training of the run at `path`, at its last checkpoint.

    Raises:
        StriateError: the run is damaged or another process is writing into it, its images have
            changed, or an option says otherwise than it.
    """
    run = open_again(path, options)
    config = run.config
    place = Place(device=_device(run, options), group=group, callbacks=callbacks)
    if config.transfer is not None and config.transfer.freeze == "all":
        raise RunError(
            str(run.path),
            "was transferred with its backbone frozen: nothing in it is left to train",
            "transfer anew and freeze none, or a number of stages",
        )
    recipe = config.recipe
    if not isinstance(recipe, Recipe):
        raise RunError(
            str(run.path),
            "was never trained: it was made of weights as they are",
            "train a new run, which can start from the same weights",
        )
    refuse_changes(options, run, recipe)
    if group.world != config.world:
        raise RunError(
            str(run.path),
            f"was trained by {config.world} processes, not {group.world}",
            f"go on with torchrun --nproc-per-node {config.world}",
        )
    holding.take(lambda: hold(run.path, otherwise="wait until it has ended"))
    manifest = images_of(run)
    elsewhere = None if options.data in (None, config.data.origin) else options.data
    moved = elsewhere is not None and resolved(elsewhere, kind=DataError) != run.path
    photographs = Photographs(
        where_kept(options.working_copies),
        seed=config.seed,
        val_fraction=config.data.val_fraction,
        shape=Shape(preprocessing=config.preprocessing, augmentation=recipe.augmentation),
        side=config.working_copies,
    )
    data = _images(
        run,
        elsewhere if moved else None,
        options,
        place,
        manifest,
        visitors=photographs.made.visitors,
    )
    data = knowing(data, photographs.made)
    note_room(data, callbacks)
    begun = (run.path / names.STATE).exists() or (run.path / names.WEIGHTS).exists()
    if not begun and config.transfer:
        raise RunError(
            str(run.path),
            f"has lost {names.STATE} and {names.WEIGHTS}: nothing else holds its fitted head",
            "restore them from a copy, or transfer anew",
        )
    with settings.seeded(config.seed):
        network = make_network(config, own=run.own_code)
        if not begun:
            _start_again(run, network, place)
    training = make_training(run, network, data, options=options, place=place)
    if begun:
        training.resume()
        if training.is_finished:
            done, (*_, last) = training.state.epoch, training.state.history
            early = "" if done >= recipe.epochs else ", where early stopping ended it"
            if last.get("stopped"):
                early = ", where a callback ended it"
            callbacks.on_note(
                f"the run is finished, after {done:,} of {recipe.epochs:,} epochs{early}: nothing "
                "is left to train, and its figures are measured anew"
            )
    callbacks.on_note(data.described)
    if moved and group.leads:
        # The images have moved: what comes after training must find them too.
        run = run.decided(replace(config, data=replace(config.data, origin=data.origin)))
        run.config.write(run.path / names.CONFIG)
    if manifest is None and group.leads:
        keep_images(run.path, replace(data, fingerprint=config.data.fingerprint))
    return run, training, data


def _start_again(run: Run, network: nn.Module, place: Place) -> None:
    """Give `network` the weights that `run` started from, which was killed before it kept any."""
    config = run.config
    if config.weights is None:
        return
    source = config.weights.source
    if run.given is not None:
        if given_weights(run.given, place.group).digest != config.weights.digest:
            raise RunError(
                str(run.path),
                "kept no weights before it was killed, and began with others than those of "
                f"{parameter('net')}",
                "give the module with the weights that it began with, or train anew",
            )
        return
    found = find_starting_weights(source, config.network, place, config.variant)
    published = start_from(found, network, classes=len(config.outputs), place=place)
    if published.digest != config.weights.digest:
        raise RunError(
            str(run.path),
            f"started from other weights than those now in {published.name}",
            "restore them, or train anew",
        )


def _device(run: Run, options: TrainOptions) -> torch.device:
    """The kind of device that the run was trained on until now, whatever else is here."""
    kept = run.config.device
    if options.device not in (None, "auto"):
        asked = choose_device(str(options.device))
        if asked.type != kept:
            raise _changed("device", options.device, kept)
        return asked
    try:
        return choose_device(kept)
    except StriateError as error:
        raise RunError(
            shown(run.path),
            f"was trained on the device {kept}, which {error.why}",
            "go on where there is one, or train anew",
        ) from error


def _images(
    run: Run,
    moved: str | Path | None,
    options: TrainOptions,
    place: Place,
    manifest: Manifest | None,
    *,
    visitors: Sequence[Visitor],
) -> Data:
    """The images that `run` was made with, where they are now."""
    config = run.config
    origin = config.data.origin
    wanted = replace(
        options,
        val_fraction=config.data.val_fraction,
        skip_bad=options.skip_bad or config.data.skipped > 0,
    )
    other = is_pattern(origin) or is_of_the_hub(origin)
    there = other or exists(Path(origin), kind=DataError)
    if moved is None and os.sep in origin and not there:
        raise RunError(
            shown(run.path),
            f"was trained on images that are not in {printable(origin)} any more",
            "move them back, or say where they are now: striate train FOLDER --resume --out RUN",
        )
    data = open_images_of(
        moved or origin,
        seed=config.seed,
        options=wanted,
        place=place,
        answers=answers_of(config),
        manifest=manifest,
        fingerprint=config.data.fingerprint,
        visitors=visitors,
    )
    if not data.is_of(config.data.fingerprint):
        raise RunError(
            shown(run.path),
            f"was trained on other images than those now in {printable(data.origin)}",
            "restore them, say where the old ones are (striate train FOLDER --resume --out RUN), "
            "or train anew",
        )
    return data


def _changed(name: str, given: Any, kept: Any) -> RunError:
    return RunError(
        parameter(name, _listed(given)),
        f"the run to go on with has {_listed(kept)}",
        "leave it out, or train a new run",
    )


def _listed(value: Any) -> Any:
    """What a person gives as several names or numbers, as one text."""
    if value is None or value == ():
        return "none"
    return ", ".join(printable(str(each)) for each in value) if isinstance(value, tuple) else value


def refuse_changes(options: TrainOptions, run: Run, recipe: Recipe) -> None:
    """A run goes on as it began: an option that says otherwise is a mistake.

    Raises:
        RunError: there is one.
    """
    config = run.config
    out = None if options.out is None else resolved(options.out, kind=RunError)
    asked = options.auxiliary_weights
    losses = None if asked is None else tuple(asked)
    asked_for = Answers.of(options.target, options.unit, options.label)
    settled: Mapping[str, tuple[Any, Any]] = {
        "net": (None if options.net is None else name_of(options.net), config.network),
        "epochs": (options.epochs, recipe.epochs),
        "minutes": (options.minutes, config.provenance.minutes),
        "size": (options.size, config.preprocessing.height),
        "batch_size": (options.batch_size, recipe.batch_size),
        "seed": (options.seed, config.seed),
        "precision": (
            None if options.precision == "auto" else options.precision,
            config.precision,
        ),
        "recipe": (options.recipe and _recipe_name(str(options.recipe), config), recipe.name),
        "auxiliary_weights": (
            None if losses is None else tuple(losses),
            recipe.loss.auxiliary_weights,
        ),
        "class_weights": (options.class_weights, recipe.loss.class_weights),
        "loss": (options.loss, recipe.loss.name),
        "select": (options.select, recipe.select),
        "label": (options.label, config.data.label or None),
        "target": (
            as_trained(asked_for.targets, config.targets) or None,
            tuple(each.name for each in config.targets),
        ),
        "unit": (asked_for.units or None, tuple(each.unit for each in config.targets)),
        "variant": (
            _variant(options, config) if options.variant else None,
            dict(config.variant),
        ),
        "weights": (
            options.weights and resolved_source(str(options.weights)),
            None if config.weights is None else config.weights.source,
        ),
        "out": (out, run.path),
        "working_copies": (
            "off" if options.working_copies == "off" else None,
            "working copies" if config.working_copies else "off",
        ),
    }
    for name, (given, kept) in settled.items():
        if given is not None and given != kept:
            raise _changed(name, given, kept)
    refuse_other_settings(options, run, recipe)


def _variant(options: TrainOptions, config: RunConfig) -> dict[str, Any]:
    """The options of the network's constructor, as the run of it keeps them."""
    spec, asked = parse(config.network), dict(options.variant or {})
    if spec.is_code:
        return asked
    if spec.library is CATALOGUE:
        return canonical(config.network, asked)
    return {**spec.library.for_training(spec.name), **asked}


def _recipe_name(asked: str, config: RunConfig) -> str:
    """The name of the recipe that `asked` stands for with the network of the run."""
    if config.transfer:
        return asked
    own, family = recipe_names(config.network)
    found = load_recipe(asked, network=own, family=family, normalised=True, grey=False, small=False)
    return found.name
