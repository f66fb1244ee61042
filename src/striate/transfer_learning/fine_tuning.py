"""Training on from a fitted head: which options go together, the recipe, the head's decay."""

from __future__ import annotations

import os
from collections.abc import Callable

from torch import nn

from striate.data.sources import Data
from striate.errors import StriateError, parameter
from striate.hub.surgery import Transferred
from striate.recipes.frozen import FrozenRecipe, HeadFit
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
from striate.transfer_learning.heads.fit import FittedHead
from striate.transfer_learning.options import TransferOptions

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
    if options.frozen != "all" and options.head in ("svm", "svm-rbf"):
        raise StriateError(
            parameter("head", options.head),
            f"does not go with {parameter('freeze', options.frozen)}: an SVM consists of training "
            "images' embeddings, which training the backbone would change",
            f"take {parameter('head', 'softmax')}, or {parameter('freeze', 'all')}",
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
        epochs = options.epochs or fine_tuning(backbone.spec, max(shape[1:]), grey=False).epochs
        check_unfreezing(options.frozen, options.unfreeze_every, len(found), epochs)
    return tuple(stage.name for stage in found)


def fine_tuning(network: str, size: int, *, grey: bool) -> Recipe:
    """The recipe for training `network` on, with images of `size` pixels."""
    return load_recipe(
        "fine_tuning", network=network, family="", normalised=True, grey=grey, small=size <= 64
    )


def recipe_of(backbone: Backbone, data: Data, options: TransferOptions) -> Recipe:
    """That recipe with the person's changes, and batches that these images are enough for."""
    size = max(backbone.preprocessing.input_size[1:])
    recipe = fine_tuning(backbone.spec, size, grey=data.train.is_grey)
    if options.batch_size is None:
        recipe = recipe.fitted_to(len(data.train))
    return recipe.with_changes(
        epochs=options.epochs,
        batch_size=options.batch_size,
        class_weights=options.class_weights,
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


def frozen_recipe(fitted: FittedHead) -> FrozenRecipe:
    """What stands for a recipe where nothing was trained step by step."""
    chosen = fitted.chosen
    return FrozenRecipe(
        head=HeadFit(
            kind=fitted.kind,
            penalty=fitted.penalty,
            C=chosen.C,
            folds=fitted.folds,
            gamma=chosen.gamma,
            class_weights=fitted.class_weights,
        )
    )


def decay_of(fitted: FittedHead, rows: int, rate: float) -> float | None:
    """The weight decay under which `fitted` is at rest; None where the recipe's has to do.

    scikit-learn minimises ``C · sum of losses + |w|² / 2``, training ``mean loss + decay · |w|² /
    2``: the same, but for a factor, with a decay of ``1 / (C · rows)``, also where images have
    weights, which are 1 in the mean. Of two classes scikit-learn
    has one vector w; the head holds its halves, ``-w / 2`` and ``w / 2``, whose squares add up to
    half of its square, so that the decay is twice that.

    Args:
        fitted: the head that scikit-learn fitted, with the C that was chosen.
        rows: that it was fitted to, all views counted.
        rate: the highest learning rate of the training.
    """
    if fitted.kind != "softmax" or fitted.penalty != "l2":
        return None
    halved = 2.0 if fitted.head.linear.out_features == 2 else 1.0
    return min(halved / (fitted.chosen.C * rows), _MOST_DECAYED / rate)


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
