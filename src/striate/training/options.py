"""What a person may decide about a training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.anatomy.options import Module
from striate.recipes.choices import ClassWeights, NumberLoss, Select
from striate.support.limits import LARGEST_SEED, LARGEST_SIDE, MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    LabelColumn,
    Recheck,
    ShowProgress,
    SkipBad,
    TargetColumns,
    Units,
    ValFraction,
    Workers,
    WorkingCopies,
)
from striate.support.tables import Bounds
from striate.training.callbacks.base import Callback
from striate.zoo.variants import Value

#: Of commands that train.
GivenCallbacks = Annotated[
    Sequence[Callback],
    Doc(
        "Called as the training goes on: instances of classes derived from `striate.Callback`.",
        python_only=True,
    ),
]


@dataclass(frozen=True)
class TrainOptions(Options):
    """What a person may decide about a training; None leaves it to the recipe, network or data."""

    data: Annotated[
        str | Path | None,
        Doc(
            "A folder of class folders; one holding ``train/`` and ``val/`` (or ``valid/``, "
            "``test/``); a table of files and their classes or numbers (CSV, TSV, Parquet), or a "
            "folder with such a ``metadata.csv``; an archive of such a folder (zip, tar); "
            "WebDataset's shards; Parquet files that hold images; MNIST's IDX files; or a name: "
            "``hf:user/name``, ``digits``, ``shapes``, ``mnist``, ``fashion_mnist``, ``cifar10``, "
            "``cifar100``, ``flowers102``. "
            "Without a validation folder a fifth of each class is held out, by content. With "
            "`resume`, it may be the run."
        ),
    ] = None
    _: KW_ONLY
    target: TargetColumns = None
    unit: Units = None
    label: LabelColumn = None
    net: Annotated[
        str | Module | None,
        Doc(
            "A network of `list_networks`, ``torchvision:NAME``, ``timm:NAME``, or one's own, as "
            "``FILE.py:CLASS`` or ``PACKAGE.MODULE:NAME``, whose constructor gets the number of "
            "classes as ``classes`` or ``num_classes``.",
            in_python="a module, of which a copy is trained",
        ),
    ] = None
    recipe: Annotated[
        str | Path | None,
        Doc(
            "``modern`` (the default), ``classic`` (that of the network's own paper), or a TOML "
            "file, which may extend one of them: see ``striate recipe``."
        ),
    ] = None
    set: Annotated[
        Mapping[str, object] | None,
        Doc(
            "Keys of the recipe and their values, such as ``optimiser.rate=0.01``, which hold as "
            "they stand whatever else the recipe says.",
            in_python='``{"optimiser": {"rate": 0.01}}``',
        ),
    ] = None
    lr: Annotated[
        float | None,
        Bounds(0, math.inf, above=True),
        Doc(
            "The peak learning rate, ``optimiser.rate``, instead of the recipe's; no batch size "
            "scales it."
        ),
    ] = None
    find_lr: Annotated[
        bool,
        Doc(
            "Find the peak learning rate by a range test before training: about a hundred steps at "
            "rising rates; a tenth of that at which the loss is lowest is taken. The curve is in "
            "the report."
        ),
    ] = False
    epochs: Annotated[int | None, Bounds(1, MOST), Doc("Instead of the recipe's.")] = None
    minutes: Annotated[
        float | None,
        Bounds(0, MOST, above=True),
        Doc(
            "Instead of `epochs`: as many as fit, on this machine, until so many minutes after the "
            "command began."
        ),
    ] = None
    size: Annotated[
        int | None,
        Bounds(8, LARGEST_SIDE),
        Doc("Side of the square input in pixels; the paper's by default."),
    ] = None
    batch_size: Annotated[
        int | None,
        Bounds(1, MOST),
        Doc("Instead of the recipe's; the learning rate is scaled with it."),
    ] = None
    seed: Annotated[
        int | None,
        Bounds(0, LARGEST_SEED),
        Doc("Decides initial weights, order, augmentation and split; 0 by default."),
    ] = None
    members: Annotated[
        int | None,
        Bounds(2, 999),
        Doc(
            "Train so many networks, of seeds `seed`, `seed` + 1 and so on, in turn, all on the "
            "images that `seed` splits off, and make them one run: an ensemble, see `ensemble`. "
            "`minutes` are for all together."
        ),
    ] = None
    out: Annotated[
        str | Path | None,
        Doc(
            "Folder of the run; ``runs/NET-DATA`` by default. It must not hold a run, except to "
            "resume it."
        ),
    ] = None
    precision: Annotated[
        str | None,
        Doc(
            "``auto`` (the default: bfloat16 where the processor gains by it), ``float32`` or "
            "``bfloat16``."
        ),
    ] = None
    device: Annotated[
        str | None, Doc("Where to compute: ``auto`` (the default), ``cpu``, ``cuda`` …")
    ] = None
    workers: Workers = None
    auxiliary_weights: Annotated[
        Sequence[float] | None,
        Bounds(0, math.inf),
        Doc("Weights of the auxiliary losses; the paper's by default."),
    ] = None
    class_weights: Annotated[
        ClassWeights | None,
        Doc(
            "``balanced`` weighs the loss of each image so that all classes count alike, however "
            "many images they have; ``none`` does not. The recipe's by default."
        ),
    ] = None
    loss: Annotated[
        NumberLoss | None,
        Doc(
            "Of numbers: ``squared`` errors, ``absolute`` ones, or ``huber``, which is squared for "
            "small errors and absolute for large ones. The recipe's by default."
        ),
    ] = None
    select: Annotated[
        Select | None,
        Doc(
            "Which epoch's weights are kept: those of the best ``top1``, ``loss``, ``balanced`` "
            "accuracy (mean recall of the classes) or mean ``f1`` of the classes, on the "
            "validation images; of numbers, of the best ``loss``, ``mae`` or ``rmse`` (mean "
            "absolute and root mean squared error). The recipe's by default, which is top1 or, of "
            "numbers, loss."
        ),
    ] = None
    variant: Annotated[
        Mapping[str, Value] | None,
        Doc("Choices that the network offers, such as ``auxiliary=True``."),
    ] = None
    weights: Annotated[
        str | Path | None,
        Doc(
            "Start from trained weights, with their pre-processing: ``torchvision``, ``timm``, "
            "a file (.safetensors, .pth), or a run's folder."
        ),
    ] = None
    val_fraction: ValFraction = 0.2
    skip_bad: SkipBad = False
    recheck: Recheck = False
    working_copies: WorkingCopies = None
    allow_code: Annotated[
        AllowCode,
        Doc(
            "With `resume`: let the run's folder run the Python code that it names as its network; "
            "only if you trust whoever made it. Who names the same code with `net` has said so."
        ),
    ] = False
    resume: Annotated[
        bool,
        Doc("Go on with the run in `out` (or `data`); start it if there is none yet."),
    ] = False
    track: Annotated[
        str | Sequence[str],
        Doc(
            "A tracker to write settings and the figures of every epoch to: ``csv`` "
            "(``metrics.csv`` in the run), ``mlflow``, ``tensorboard`` or ``wandb``. One that "
            "fails costs a note; a run that goes on goes on there too."
        ),
    ] = ()
    tensorboard: Annotated[
        bool, Doc("Write event files for TensorBoard: short for `track` ``tensorboard``.")
    ] = False
    checkpoint_minutes: Annotated[
        float,
        Bounds(0, math.inf),
        Doc("Between two checkpoints within an epoch; there is one after every epoch."),
    ] = 5.0
    callbacks: GivenCallbacks = ()
    progress: ShowProgress = False


def tracked(options: TrainOptions) -> tuple[str, ...]:
    """The names of the trackers that `options` ask for, each once."""
    given = (options.track,) if isinstance(options.track, str) else tuple(options.track)
    return tuple(dict.fromkeys((*given, *(("tensorboard",) if options.tensorboard else ()))))
