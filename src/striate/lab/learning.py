"""Trainings for experiments: the product's own loop, recipes and loaders, on any network."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.images import ImageSet
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.data.sources import Data, open_data
from striate.data.statistics import Statistics, channel_statistics
from striate.data.targets import Answers
from striate.errors import DataError, TrainingError, parameter
from striate.lab.experiment import Conditions
from striate.recipes.load import load_recipe
from striate.recipes.recipe import Recipe
from striate.runs.targets import ScaledTarget
from striate.support.folders import cache_at
from striate.training.callbacks.base import Callback
from striate.training.callbacks.several import Callbacks
from striate.training.distributed import Group
from striate.training.judging import ClassJudge, Judge, NumberJudge
from striate.training.loop import Training
from striate.training.losses import Criterion, number_loss
from striate.training.plan import has_batch_norm
from striate.training.setup import Setup
from striate.training.validate import validate


def images_of(conditions: Conditions) -> Data:
    """The images of an experiment; held in memory for the next setting.

    Which are held out, where that is left to chance, and which of too many are taken is the same
    for every seed: a seed decides first weights, order and augmentation.

    Args:
        conditions: with what `striate.train` takes as data.

    Raises:
        DataError: see `striate.data.sources.open_data`.
    """
    target = conditions.target
    try:
        data = _opened(str(conditions.data), target)
    except DataError as error:
        if target is None:
            raise
        why = f"cannot be asked for its {target} ({error.what}: {error.why})"
        remedy = "take pictures of shapes, or a table with such a column"
        raise DataError(parameter("data", conditions.data), why, remedy) from error
    train, val = conditions.images
    return replace(data, train=_some(data.train, train), val=_some(data.val, val))


@lru_cache(maxsize=4)
def _opened(data: str, target: str | None) -> Data:
    answers = None if target is None else Answers.of(target)
    return open_data(data, answers=answers, cache=cache_at(None))


def described(conditions: Conditions) -> dict[str, Any]:
    """What results say of their images: nothing of where they are."""
    asked, found = str(conditions.data), images_of(conditions)
    name = asked if ":" in asked else PurePath(found.origin).name
    counts = {"train": len(found.train), "val": len(found.val)}
    digest = found.fingerprint.rpartition(":")[2][:16]
    asked_for = {"classes": len(found.classes)} if found.classes else {"target": conditions.target}
    return {"name": name, **asked_for, **counts, "hash": digest}


@lru_cache(maxsize=8)
def _some(images: ImageSet, most: int) -> ImageSet:
    """At most so many, every class in its share, chosen by content: always the same."""
    if len(images) <= most:
        return images
    # By class in the order of their contents' hashes, taken in turn from each.
    order = sorted(range(len(images)), key=images.digest)
    rank: dict[int, int] = {}
    turns = []
    for index in order:
        label = int(images.labels[index])
        turns.append((rank.setdefault(label, 0), label, index))
        rank[label] += 1
    return images.subset(sorted(index for _, _, index in sorted(turns)[:most]))


def preprocessed(images: ImageSet, size: int, channels: int | None = None) -> Preprocessing:
    """How training `images` become inputs of `size` pixels, by their own mean and std.

    Args:
        images: of the training part.
        size: side of the square input.
        channels: 1 or 3; 1 where all are grey, if it is None.
    """
    found = _statistics(images, channels or (1 if images.is_grey else 3))
    return Preprocessing(
        resize=round(size * 256 / 224) if size > 64 else size,
        height=size,
        width=size,
        channels=len(found.mean),
        mean=tuple(round(value, 6) for value in found.mean),
        std=tuple(round(max(value, 1e-3), 6) for value in found.std),
    )


@lru_cache(maxsize=8)
def _statistics(images: ImageSet, channels: int) -> Statistics:
    return channel_statistics(images, channels, workers=1)


def recipe_for(
    network: nn.Module,
    data: Data,
    *,
    epochs: int,
    size: int,
    augmented: bool = True,
    as_without_norm: bool = False,
) -> Recipe:
    """The recipe ``modern`` for a `network` and its images, of so many epochs.

    An experiment changes what it is about by `dataclasses.replace`.

    Args:
        network: with or without batch norm.
        data: what it is trained on.
        epochs: of the training.
        size: side of its input in pixels.
        augmented: whether images are cropped, flipped and coloured by chance.
        as_without_norm: whether networks with batch norm, too, take the rule of those without it,
            which both bear: where both are compared.
    """
    found = load_recipe(
        "modern",
        network="lenet",  # whose paper no other recipe than this would follow
        family="",
        normalised=has_batch_norm(network) and not as_without_norm,
        grey=data.train.is_grey,
        small=size <= 64,
        numbers=bool(data.targets),
    )
    found = found.fitted_to(len(data.train)).lasting(epochs)
    return found if augmented else without_augmentation(found)


def without_augmentation(recipe: Recipe) -> Recipe:
    """`recipe` with every image as it is, each time."""
    plain = type(recipe.augmentation)(crop="none", horizontal_flip=False)
    return replace(recipe, augmentation=plain)


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a training came to.

    Attributes:
        network: with the weights of the last step, in evaluation mode.
        history: the lines of ``metrics.jsonl``, epoch 0 for the first step.
        diverged: whether it ended early, since a number was not finite any more.
    """

    network: nn.Module
    history: Sequence[dict[str, Any]]
    diverged: bool

    def last(self, part: str, name: str) -> float:
        """A figure of the last epoch: of ``train`` or ``validation``; 0 epochs have none."""
        return float(self.history[-1][part][name])

    def reached(self, part: str, name: str, otherwise: float) -> float:
        """The same, or `otherwise` of a training that diverged."""
        return otherwise if self.diverged else self.last(part, name)

    def curve(self, part: str, name: str) -> list[float]:
        """The same of every epoch."""
        return [float(line[part][name]) for line in self.history if part in line]


def learn(
    network: nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    seed: int,
    preprocessing: Preprocessing,
    answers: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    target: ScaledTarget | None = None,
    callbacks: Sequence[Callback] = (),
) -> Learnt:
    """Train `network` on a processor, with one thread, in float32.

    Args:
        network: changed in place.
        data: its training part is trained on, its validation part judges each epoch.
        recipe: how; see `recipe_for`.
        seed: of order, augmentation and dropout. The first weights are those of `network`.
        preprocessing: see `preprocessed`.
        answers: of numbers, what the network is to give for each image of either part, (n, 1).
        target: of numbers, what the answers are told in: errors are multiplied by its deviation.
        callbacks: called as it goes on.
    """
    judge: Judge = ClassJudge()
    if target is not None:
        judge = NumberJudge((target,), partial(number_loss, recipe.loss))
    wanted = answers or (None, None)
    train = Loader(
        data.train,
        preprocessing,
        recipe.augmentation,
        batch_size=recipe.batch_size,
        seed=seed,
        shuffle=True,
        drop_last=True,
        statistics=_statistics(data.train, preprocessing.channels)
        if recipe.augmentation.pca
        else None,
        answers=wanted[0],
    )
    validation = Loader(
        data.val, preprocessing, None, batch_size=256, shuffle=False, answers=wanted[1]
    )
    with tempfile.TemporaryDirectory(prefix="striate-lab-") as folder:
        training = Training(
            Setup(
                path=Path(folder),
                identity="",
                recipe=recipe,
                network=network,
                train=train,
                validation=validation,
                criterion=Criterion(recipe.loss, network),
                judge=judge,
                seed=seed,
                threads=1,
                callbacks=Callbacks(callbacks),
                checkpoint_seconds=float("inf"),
            )
        )
        diverged = False
        try:
            training.run()
        except TrainingError:
            diverged = True
    network.eval()
    return Learnt(network=network, history=training.state.history, diverged=diverged)


@dataclass(frozen=True, kw_only=True)
class Taught:
    """A network that was trained on an experiment's images, with what it saw."""

    learnt: Learnt
    data: Data
    preprocessing: Preprocessing

    @property
    def chance(self) -> float:
        """The accuracy of a guess, which a training that diverged is taken to have."""
        return 1 / len(self.data.classes)

    def reached(self) -> dict[str, float]:
        """Accuracies in the last epoch, and the loss on training images.

        On these both are means over its steps, each by the network of that step as it trains.
        """
        loss = math.log(len(self.data.classes))
        return {
            "train": self.learnt.reached("train", "top1", self.chance),
            "val": self.learnt.reached("validation", "top1", self.chance),
            "train_loss": self.learnt.reached("train", "main", loss),
            "diverged": float(self.learnt.diverged),
        }

    def gap(self) -> dict[str, float]:
        """Accuracies on images as they are, with nothing dropped, and what lies between them.

        Those of an epoch's training images are seen augmented, and by the network of each step.
        """
        train = accuracy(self.learnt.network, self.data.train, self.preprocessing)
        val = self.reached()["val"]
        return {"train": train, "val": val, "gap": train - val}

    def curve(self, part: str, epochs: int) -> list[float]:
        """The accuracy of each epoch; that of a guess from where a training diverged."""
        found = self.learnt.curve(part, "top1")[-epochs:]
        return [*found, *[self.chance] * (epochs - len(found))]


def taught(
    make: Callable[[int], nn.Module],
    conditions: Conditions,
    *,
    seed: int,
    size: int,
    augmented: bool = False,
    as_without_norm: bool = False,
    change: Callable[[Recipe], Recipe] = lambda recipe: recipe,
    callbacks: Sequence[Callback] = (),
) -> Taught:
    """Make a network of three channels for so many classes and train it; see `learn`.

    Args:
        make: from the number of classes to the network.
        conditions: whose images it is trained on.
        seed: as in `learn`.
        size: side of its input in pixels.
        augmented: as in `recipe_for`.
        as_without_norm: likewise.
        change: what the experiment does otherwise than the recipe.
        callbacks: as in `learn`.
    """
    data = images_of(conditions)
    prepared = preprocessed(data.train, size, 3)
    network = make(len(data.classes))
    recipe = recipe_for(
        network,
        data,
        epochs=conditions.epochs,
        size=size,
        augmented=augmented,
        as_without_norm=as_without_norm,
    )
    learnt = learn(
        network, data, change(recipe), seed=seed, preprocessing=prepared, callbacks=callbacks
    )
    return Taught(learnt=learnt, data=data, preprocessing=prepared)


def accuracy(network: nn.Module, images: ImageSet, preprocessing: Preprocessing) -> float:
    """The share of `images` that a network gets right, each as it is, with nothing dropped."""
    found = validate(
        network,
        Loader(images, preprocessing, None, batch_size=256, shuffle=False),
        ClassJudge(),
        precision="float32",
        device=torch.device("cpu"),
        group=Group(),
    )
    return found["top1"]


def sample_of(
    images: ImageSet, preprocessing: Preprocessing, most: int = 256
) -> tuple[Tensor, Tensor]:
    """At most so many images, every class in its share, as a network sees them; and their labels.

    The first ones would be of the first class alone: images lie in the order of their folders.
    """
    chosen = _some(images, most)
    loader = Loader(chosen, preprocessing, None, batch_size=most, shuffle=False)
    batch = next(iter(loader.batches(0)))
    return batch.inputs(torch.device("cpu")), torch.from_numpy(chosen.labels)
