"""How much more images would give, and freezing fewer stages, on a person's own data.

Neither figure is about the run itself: each of its points is a head, or a network, made anew from a
part of the training images and measured on the held-out ones.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.data.sources import Data
from striate.engines.precision import choose_precision
from striate.errors import Interrupted
from striate.hub.surgery import Transferred
from striate.runs.config import RunConfig
from striate.runs.run import Run
from striate.support.progress import Progress
from striate.training.assemble import make_training
from striate.training.callbacks.base import BatchEnd, Callback, TrainBegin
from striate.training.callbacks.several import Callbacks
from striate.training.options import TrainOptions
from striate.training.place import Place
from striate.transfer_learning.fine_tuning import decay_of, fine_tuning
from striate.transfer_learning.tasks.task import Fitted, Task

Features = NDArray[np.float32]

#: Draws of few images differ: their points are means over as many.
DRAWS = 3
#: Rows above which only the head of the run is fitted.
_ALL_HEADS = 600

#: Images that training with stages frozen is tried on at most, and judged on.
MOST_TRAINED = 300
MOST_JUDGED = 300
STAGE_EPOCHS = 5


def by_images(
    task: Task[Any],
    *,
    of_train: Features,
    data: Data,
    of_held: Features,
    held: ImageSet,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """How well heads on frozen features do on held-out images, by the number of training images.

    Args:
        task: says which heads there are; of many images none but the run's is fitted.
        of_train: (images, views, D) of ``data.train``.
        data: the images.
        of_held: (images, D) of `held`.
        held: what is judged.
        progress: called with points done, of all.

    Returns:
        A point each: ``images`` (the size, as the task counts it), ``rows`` (images together), the
        task's figure (``accuracy`` or ``error``) by kind of head, and ``std`` of it over the draws.
    """
    most = task.most(data.train)
    points: list[dict[str, Any]] = []
    steps = (*(step for step in task.steps if step < most), most)
    for wanted in steps:
        if progress is not None:
            progress(len(points), len(steps))
        draws = DRAWS if wanted <= task.few else 1
        found: dict[str, list[float]] = {}
        for draw in range(draws):
            chosen = task.draw(data.train, wanted, task.seed + draw)
            small = len(chosen) <= _ALL_HEADS
            for each in task.kinds if small else (task.head,):
                fitted = task.fit(each, of_train[chosen], data.train.subset(chosen))
                answers = task.answers(fitted.head, of_held)
                found.setdefault(each, []).append(task.judged(answers, held))
        points.append(
            {
                "images": wanted,
                "rows": len(chosen),
                task.figure: {each: float(np.mean(parts)) for each, parts in found.items()},
                "std": {each: float(np.std(parts)) for each, parts in found.items()},
            }
        )
    return points


def by_stages(
    task: Task[Any],
    run: Run,
    network: Transferred,
    *,
    stages: int,
    data: Data,
    of_train: Features,
    place: Place,
    workers: int | None,
    progress: Progress | None = None,
) -> dict[str, Any] | None:
    """How well the network does by the number of frozen stages, with few images and with more.

    The heads begin as fitted to the same images. Bounded, since a processor trains a
    few images a second: at most `MOST_TRAINED` images for `STAGE_EPOCHS` epochs, the last of which
    counts, judged on at most `MOST_JUDGED`.

    Args:
        task: says what heads are fitted to.
        run: the run under way, for its decisions; nothing is written into it.
        network: backbone and head before any training; it is left as it is.
        stages: that the backbone has.
        data: images and labels: those to train on, and those for validation, which judge.
        of_train: (images, views, D) of ``data.train``.
        place: the device, and who is told how far it is.
        workers: threads that decode and augment; None for one a processor, at most four.
        progress: called with images trained on, of all.

    Returns:
        ``frozen``: numbers of frozen stages, all of them last. ``curves``: for each number of
        images (of a class), ``images``, ``rows`` and the task's figure at each of them. ``judged``,
        ``epochs``. None for more classes than so few images could stand for.
    """
    held, seed, groups = data.val, run.config.seed, max(len(data.classes), 1)
    if groups > min(MOST_TRAINED, MOST_JUDGED):
        return None
    judged = task.draw(held, MOST_JUDGED // groups, seed)
    frozen = sorted({0, stages // 3, 2 * stages // 3, stages - 1})
    parts: dict[int, NDArray[np.int64]] = {}
    for step in task.stage_steps:
        wanted = min(step, MOST_TRAINED // groups)
        chosen = task.draw(data.train, wanted, seed)
        if all(len(chosen) > len(smaller) for smaller in parts.values()):
            parts[wanted] = chosen
    count = _Counted(progress, len(frozen) * STAGE_EPOCHS * sum(map(len, parts.values())))
    trial = _trial(run, network, place)
    curves: list[dict[str, Any]] = []
    for wanted, chosen in parts.items():
        part = replace(data, train=data.train.subset(chosen), val=held.subset(judged), test=None)
        fitted = task.fit(task.trained, of_train[chosen], part.train)
        start = Transferred(copy.deepcopy(network.backbone), fitted.head)
        found = [
            _trained(
                task,
                trial,
                start,
                part,
                frozen=number,
                fitted=fitted,
                views=of_train.shape[1],
                place=replace(place, callbacks=Callbacks([count])),
                workers=workers,
            )
            for number in (*frozen, stages)
        ]
        curves.append({"images": wanted, "rows": len(chosen), task.figure: found})
    return {
        "frozen": [*frozen, stages],
        "curves": curves,
        "judged": len(judged),
        "epochs": STAGE_EPOCHS,
    }


class _Counted(Callback):
    """Counts the images of several trainings."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.progress, self.total, self.before, self.images = progress, total, 0, 0

    def on_train_begin(self, training: TrainBegin) -> None:
        """Another training begins."""
        self.steps, self.batch = training.steps, training.batch_size
        self.before += self.images
        self.images = 0

    def on_batch_end(self, batch: BatchEnd) -> None:
        """Some images were trained on."""
        self.images = ((batch.epoch - 1) * self.steps + batch.step) * self.batch
        if self.progress is not None:
            self.progress(min(self.before + self.images, self.total), self.total)


def _trial(run: Run, network: Transferred, place: Place) -> RunConfig:
    """The decisions of a training beside `run`: in the precision of training, not of features."""
    shape = run.preprocessing.input_size
    return replace(
        run.config,
        precision=choose_precision("auto", network, shape, place.device),
        device=place.device.type,
    )


def _trained(
    task: Task[Any],
    trial: RunConfig,
    start: Transferred,
    data: Data,
    *,
    frozen: int,
    fitted: Fitted,
    views: int,
    place: Place,
    workers: int | None,
) -> float:
    """The task's figure after training what lies above the first `frozen` stages.

    Raises:
        KeyboardInterrupt: Ctrl-C: of what was being trained here nothing is kept.
    """
    size = max(trial.preprocessing.input_size[1:])
    recipe = fine_tuning(trial.network, size, grey=data.train.is_grey, numbers=bool(data.targets))
    weighed = None if data.targets else fitted.head_fit.class_weights
    recipe = recipe.with_changes(epochs=STAGE_EPOCHS, class_weights=weighed)
    recipe = recipe.fitted_to(len(data.train))
    assert trial.transfer is not None
    transfer = replace(
        trial.transfer,
        freeze=str(frozen),
        unfreeze_every=0,
        decay=decay_of(fitted, len(data.train) * views, recipe.optimiser.rate),
    )
    with TemporaryDirectory(prefix="striate-curve-") as folder:
        training = make_training(
            Run(Path(folder), replace(trial, recipe=recipe, transfer=transfer)),
            copy.deepcopy(start),
            data,
            options=TrainOptions(workers=workers, checkpoint_minutes=1e9),
            place=place,
        )
        if frozen == len(training.setup.freezing.stages):  # type: ignore[union-attr]
            return float(training.validate()[task.headline])
        try:
            training.run()
        except Interrupted:
            # It names the folder to go on with, which is about to be gone.
            raise KeyboardInterrupt from None
        return float(training.state.history[-1]["validation"][task.headline])
