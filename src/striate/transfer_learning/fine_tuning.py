"""Training on from a fitted head: which options go together, the recipe, the head's decay."""

from __future__ import annotations

import os
from collections.abc import Callable

from torch import nn

from striate.data.sources import Data
from striate.errors import StriateError, parameter
from striate.hub.surgery import Transferred
from striate.recipes.load import load_recipe
from striate.recipes.recipe import Recipe
from striate.runs.config import RunConfig
from striate.runs.run import Run
from striate.training.assemble import make_training
from striate.training.freezing import check_freeze, check_unfreezing, stages_of
from striate.training.options import TrainOptions
from striate.training.photographs import Photographs, Shape, where_kept
from striate.training.place import Place
from striate.transfer_learning.backbone import Backbone
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.tasks.choosing import head_of
from striate.transfer_learning.tasks.task import Fitted

#: What decay may take off the head's weights in one step. With a small C of few images it would
#: otherwise overshoot zero, and momentum would make that grow.
_MOST_DECAYED = 0.1


def refuse_meaningless(options: TransferOptions) -> None:
    """Say at once what goes with no further training, or with a frozen backbone alone.

    Raises:
        StriateError: it names the parameter.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise StriateError(
            "striate transfer under torchrun",
            "runs in one process, which uses all processors",
            "start it without torchrun",
        )
    trained = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "unfreeze_every": options.unfreeze_every or None,
    }
    for name, value in trained.items():
        if value is not None and options.frozen == "all":
            raise StriateError(
                parameter(name, value),
                "has no meaning where the backbone is frozen: its head is fitted, not trained",
                f"add {parameter('freeze', 'none')}, or a number of stages",
            )
        if value is not None and value < 1:
            raise StriateError(parameter(name, value), "must be at least 1")
    if options.frozen != "all" and head_of(options) not in ("softmax", "ridge"):
        other = "ridge" if options.target else "softmax"
        raise StriateError(
            parameter("head", head_of(options)),
            f"does not go with {parameter('freeze', options.frozen)}: an SVM consists of training "
            "images' embeddings, which training the backbone would change",
            f"take {parameter('head', other)}, or {parameter('freeze', 'all')}",
        )


def check_stages(backbone: Backbone, options: TransferOptions) -> tuple[str, ...]:
    """The names of the stages of `backbone`, which `options` must be able to freeze and unfreeze.

    Raises:
        StriateError: see `check_freeze` and `check_unfreezing`.
    """
    shape = backbone.preprocessing.input_size
    found = stages_of(Transferred(backbone.network, nn.Identity()), shape)
    check_freeze(options.frozen, found)
    if options.unfreeze_every:
        recipe = fine_tuning(backbone.spec, max(shape[1:]), grey=False)
        epochs = options.epochs or recipe.epochs
        check_unfreezing(options.frozen, options.unfreeze_every, len(found), epochs)
    return tuple(stage.name for stage in found)


def fine_tuning(network: str, size: int, *, grey: bool, numbers: bool = False) -> Recipe:
    """The recipe for training `network` on, with images of `size` pixels."""
    return load_recipe(
        "fine_tuning",
        network=network,
        family="",
        normalised=True,
        grey=grey,
        small=size <= 64,
        numbers=numbers,
    )


def recipe_of(backbone: Backbone, data: Data, options: TransferOptions) -> Recipe:
    """That recipe with the person's changes, and batches that these images are enough for."""
    size = max(backbone.preprocessing.input_size[1:])
    numbers = bool(data.targets)
    recipe = fine_tuning(backbone.spec, size, grey=data.train.is_grey, numbers=numbers)
    if options.batch_size is None:
        recipe = recipe.fitted_to(len(data.train))
    return recipe.with_changes(
        epochs=options.epochs,
        batch_size=options.batch_size,
        class_weights=None if numbers else options.class_weights,
    )


def shape_of(backbone: Backbone, recipe: Recipe) -> Shape:
    """What training by `recipe` sees of an image."""
    return Shape(preprocessing=backbone.preprocessing, augmentation=recipe.augmentation)


def photographs_for(backbone: Backbone, options: TransferOptions) -> Photographs:
    """What is made of large images while they are checked: for features, and to train on."""
    recipe = fine_tuning(backbone.spec, max(backbone.preprocessing.input_size[1:]), grey=False)
    return Photographs(
        where_kept(options.working_copies) if options.frozen != "all" else None,
        seed=options.seed,
        val_fraction=options.val_fraction,
        shape=shape_of(backbone, recipe),
        all_fitted=True,
    )


def decay_of(fitted: Fitted, rows: int, rate: float) -> float | None:
    """The weight decay of the head while training goes on; None for the recipe's.

    Args:
        fitted: the head, which is at rest under a decay of its own.
        rows: that it was fitted to, all views counted.
        rate: the highest learning rate of the training.
    """
    decay = fitted.decay(rows)
    return None if decay is None else min(decay, _MOST_DECAYED / rate)


def train_on(
    run: Run,
    network: Transferred,
    data: Data,
    *,
    options: TrainOptions,
    place: Place,
    begin: Callable[[RunConfig], None],
) -> None:
    """Train what is not frozen, from the fitted head; the run can be resumed like any other.

    `begin` writes its ``run.toml``, once there is something to go on from.
    """
    training = make_training(run, network, data, options=options, place=place)
    # There is no run before there are weights to go on from: those of the head are nowhere else.
    training.start_from_here()
    begin(run.config)
    training.run()
