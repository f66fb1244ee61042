"""The parts of a training, put together alike for a new run and for one that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from striate.data.images import ImageSet
from striate.data.loader import Loader
from striate.data.manifest import Manifest
from striate.data.scan import Visitor, threads
from striate.data.sources import Data, open_data
from striate.data.statistics import channel_statistics
from striate.data.targets import Answers
from striate.errors import StriateError, parameter
from striate.hub.found import Found
from striate.hub.names import GIVEN, parse
from striate.hub.surgery import Transferred
from striate.hub.weights import Published, give
from striate.recipes.recipe import Recipe
from striate.runs.origins import WeightsOrigin
from striate.runs.run import Run
from striate.runs.starting_weights import find_weights
from striate.runs.targets import standardised
from striate.runs.weights import digest
from striate.support.folders import cache_at
from striate.support.progress import counting
from striate.training.callbacks.base import Callback
from striate.training.callbacks.named import make_trackers
from striate.training.callbacks.several import Callbacks, check_callbacks
from striate.training.distributed import Group
from striate.training.freezing import Freezing
from striate.training.judging import ClassJudge, Judge, NumberJudge
from striate.training.loop import Training
from striate.training.losses import Criterion, balanced_weights, number_loss
from striate.training.options import TrainOptions
from striate.training.place import Place
from striate.training.setup import Setup


def make_callbacks(
    given: Sequence[Callback],
    *,
    group: Group,
    progress: bool,
    track: Sequence[str] = (),
    run: Path | None = None,
) -> Callbacks:
    """The callbacks of a training: what was asked for by name, then those that were `given`.

    They are the leader's alone; what is wrong with them is found out in every process.

    Args:
        given: by the person.
        group: the processes that train.
        progress: whether a person looks on.
        track: the names of trackers.
        run: the folder of the run that goes on, whose trackers go on too; None for a new one.

    Raises:
        StriateError: one of them is no callback or no tracker, or is not installed.
    """
    check_callbacks(given)
    made: list[Callback] = []
    if progress:
        from striate.training.callbacks.terminal import Terminal

        made.append(Terminal())
    trackers, notes = make_trackers(track, run, given)
    callbacks = Callbacks([*made, *trackers, *given] if group.leads else ())
    for note in notes:
        callbacks.on_note(note)
    return callbacks


def open_images_of(
    data: str | Path,
    *,
    seed: int,
    options: TrainOptions,
    place: Place,
    answers: Answers | None = None,
    cache: Path | None = None,
    manifest: Manifest | None = None,
    fingerprint: str = "",
    visitors: Sequence[Visitor] = (),
) -> Data:
    """The images that `data` names, as the options want them looked at.

    Files that the `cache` knows are not read again (by default that in the usual folder); with the
    `manifest` of a run, or with its `fingerprint`, the images are those of the run. What was passed
    over, and what is otherwise worth knowing, is noted. The `visitors` are shown what is decoded;
    `answers` says what images are to be answered with.

    Raises:
        DataError: see `striate.data.sources.open_data`.
        StriateError: it was so for the leader.
    """

    def look() -> Data:
        wanted = options.progress and place.group.leads
        with counting("checking images", wanted=wanted) as progress:
            return open_data(
                data,
                seed=seed,
                val_fraction=options.val_fraction,
                skip_bad=options.skip_bad,
                workers=max(threads(options.workers), 1),
                visitors=visitors,
                cache=cache_at(cache),
                recheck=options.recheck,
                manifest=manifest,
                fingerprint=fingerprint,
                answers=answers,
                progress=progress,
            )

    # A data set that has to be downloaded is fetched by one process; the others find it there.
    found = place.group.first(look)
    skipped = [f"skipped {problem.name}: {problem.reason}" for problem in found.skipped]
    for text in (*found.notes, *skipped):
        place.callbacks.on_note(text)
    return found


def find_starting_weights(
    source: str, name: str, place: Place, variant: Mapping[str, Any]
) -> Found:
    """Read the weights for the network called `name`, with its choices.

    Raises:
        StriateError: see `striate.runs.starting_weights.find_weights`; in every process, where one
            fails. Or the network is a person's own.
    """
    if parse(name).is_code:
        raise StriateError(
            parameter("weights", source),
            "is for networks of the catalogue and of libraries",
            "load weights into one's own network where it is made",
        )
    # What has to be downloaded is fetched by one process; the others find it there.
    return place.group.first(lambda: find_weights(name, source, **variant))


def given_weights(network: nn.Module, group: Group) -> WeightsOrigin:
    """What a run says of the weights of a module that Python was given.

    Raises:
        StriateError: other processes were given other weights.
    """
    own = digest(network.state_dict())
    if own != group.lead(lambda: own):
        raise StriateError(
            parameter("net"),
            "has other weights in each process",
            "call torch.manual_seed before it is made",
        )
    return WeightsOrigin(source=GIVEN, name="the module that was given", digest=own)


def start_from(found: Found, network: nn.Module, *, classes: int, place: Place) -> Published:
    """Give `network` the weights that were found, and note what was kept.

    Raises:
        WeightsError: they are those of another network.
    """
    published = give(found, network, classes)
    said = (published.name, published.note)
    place.callbacks.on_note(": ".join(part for part in said if part))
    return published


def make_training(
    run: Run,
    network: nn.Module,
    data: Data,
    *,
    options: TrainOptions,
    place: Place,
) -> Training:
    """The training of `network` by the recipe of `run`, before its first step.

    Nothing is written.
    """
    return Training(make_setup(run, network, data, options=options, place=place))


def make_setup(
    run: Run,
    network: nn.Module,
    data: Data,
    *,
    options: TrainOptions,
    place: Place,
) -> Setup:
    """What that training is given."""
    recipe = run.config.recipe
    assert isinstance(recipe, Recipe), "no other run has anything left to train"
    train, validation = _loaders(run, data, recipe, threads(options.workers), place.group)
    weights = None
    if recipe.loss.class_weights == "balanced":
        weights = balanced_weights(data.train.labels, len(data.classes))
        weights = weights.to(place.device)
    return Setup(
        path=run.path,
        identity=run.config.identity,
        recipe=recipe,
        network=network,
        train=train,
        validation=validation,
        criterion=Criterion(recipe.loss, network, weights),
        judge=_judge(run, recipe),
        seed=run.config.seed,
        threads=run.config.threads,
        device=place.device,
        precision=run.config.precision,
        validation_precision=run.config.validation_precision or run.config.precision,
        group=place.group,
        callbacks=place.callbacks,
        checkpoint_seconds=60 * options.checkpoint_minutes,
        freezing=(
            Freezing.of(network, run.preprocessing.input_size, run.config.transfer)
            if isinstance(network, Transferred) and run.config.transfer is not None
            else None
        ),
    )


def _judge(run: Run, recipe: Recipe) -> Judge:
    """What judges the answers of the network of `run`."""
    if run.answers_numbers:
        return NumberJudge(run.targets, partial(number_loss, recipe.loss))
    return ClassJudge(len(run.classes) if recipe.select in ("balanced", "f1") else 0)


def _answers(run: Run, images: ImageSet) -> NDArray[np.float32] | None:
    """What the network of `run` is to give for `images`; None for their labels."""
    return None if images.values is None else standardised(run.targets, images.values)


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
        answers=_answers(run, data.train),
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
        answers=_answers(run, data.val),
    )
    return train, validation
