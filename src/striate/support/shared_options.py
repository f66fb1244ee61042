"""Options that several commands have, each described once."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Literal

from striate.support.limits import LARGEST_SEED, MOST_THREADS
from striate.support.options import Doc
from striate.support.tables import Bounds

Images = Annotated[
    str | Path,
    Doc(
        "A folder of class folders; one holding ``train/`` and ``val/`` (or ``valid/``, "
        "``test/``); a table of files and their classes or numbers (CSV, TSV, Parquet), or a "
        "folder with such a ``metadata.csv``; an archive of such a folder (zip, tar); WebDataset's "
        "shards; Parquet files that hold images; MNIST's IDX files; or a name: ``hf:user/name``, "
        "``digits``, ``shapes``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``cifar100``, "
        "``flowers102``."
    ),
]
TargetColumns = Annotated[
    str | Sequence[str] | None,
    Doc(
        "A number to predict instead of a class: the column of a table that holds it. A name such "
        "as ``age (years)`` gives the unit as well."
    ),
]
Units = Annotated[
    str | Sequence[str] | None,
    Doc("The unit of each `target`, in their order, if the columns' names do not tell."),
]
LabelColumn = Annotated[
    str | None,
    Doc("The column of a table that names the classes, if it is not called label, class or so."),
]
Seed = Annotated[int, Bounds(0, LARGEST_SEED), Doc("Decides all that is random.")]
ValFraction = Annotated[
    float,
    Bounds(0, 1, above=True, below=True),
    Doc("Share of the images, between 0 and 1, that is held out where `data` has no such part."),
]
Workers = Annotated[
    int | None,
    Bounds(0, MOST_THREADS),
    Doc(
        "Threads that prepare images; by default one a processor, at most four. Any number gives "
        "the same result."
    ),
]
Device = Annotated[str, Doc("Where to compute: ``cpu``, ``cuda`` … or ``auto``.")]
SkipBad = Annotated[
    bool, Doc("Leave out files that cannot be read, instead of stopping at them; they are named.")
]
WorkingCopies = Annotated[
    str | None,
    Doc(
        "Where smaller copies of large photographs are kept, which training reads instead of them; "
        "what is measured is measured on the photographs. ``auto`` (the default: on disk, or in "
        "memory where the disk is full), ``disk``, ``memory``, or ``off`` for none."
    ),
]
ReducedDecoding = Annotated[
    bool,
    Doc(
        "Reduce large JPEG files while they are decoded, to a half, a quarter or an eighth of "
        "their sides, where a photograph comes out within two levels of 255; for an ONNX file."
    ),
]
#: A path, or a run that is open, which stands for its folder where no more is needed of it.
RunPath = str | PathLike[str]
OneRun = Annotated[RunPath, Doc("A run's folder.", in_python="a run that `open_run` opened")]
RunOrFile = Annotated[
    RunPath,
    Doc(
        "A run's folder, or an ONNX file that `export` wrote.",
        in_python="a run that `open_run` opened",
    ),
]
AllowCode = Annotated[
    bool,
    Doc(
        "Let a run's folder run the Python code that it names as its network; only if you trust "
        "whoever made it."
    ),
]
Recheck = Annotated[
    bool,
    Doc(
        "Read every file again. By default a file that has the size, times and inode with which it "
        "was last seen is taken to be as it was."
    ),
]
Crops = Literal["center", "10", "144", "dense"]
"""Names of the views of an image."""
ChosenCrops = Annotated[
    Crops,
    Doc(
        "Views of each image, whose probabilities are averaged: ``center``, as in validation; "
        "``10`` (AlexNet's corners and middle, flipped too); ``144`` (GoogLeNet's); or ``dense`` "
        "(VGG's: the network applied to the whole image and its flip), which an exported file "
        "cannot have."
    ),
]
ChosenScales = Annotated[
    Sequence[int] | None,
    Doc(
        "Short sides in pixels that the views are taken at, for a network of 224 pixels, such as "
        "``224,256,384,480,640``; in proportion for others. By default those of the views' paper."
    ),
]
ShowProgress = Annotated[bool, Doc("Show progress on standard error.", python_only=True)]
