"""A trained network carried over to other images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from striate.transfer_learning.cache.report import CacheReport
    from striate.transfer_learning.heads.fit import Penalty
    from striate.transfer_learning.result import TransferResult


def transfer(
    data: str | Path,
    *,
    backbone: str | Path,
    weights: str | Path | None = None,
    head: str = "softmax",
    penalty: str = "l2",
    freeze: str | int = "all",
    views: int = 1,
    epochs: int | None = None,
    batch_size: int | None = None,
    unfreeze_every: int = 0,
    out: str | Path | None = None,
    curve: bool = False,
    export: bool = True,
    seed: int = 0,
    engine: str = "auto",
    cache: str | Path | None = None,
    workers: int | None = None,
    val_fraction: float = 0.2,
    skip_bad: bool = False,
    progress: bool = False,
) -> TransferResult:
    """Carry a trained network over to other images: features, head, evaluation, report, export.

    Args:
        data: as for `train`.
        backbone: a run's folder, a name from `list_networks`, ``torchvision:NAME`` or
            ``timm:NAME``.
        weights: ``torchvision``, ``timm`` or a file; None for a run, which has its own.
        head: ``softmax``, ``svm`` (linear) or ``svm-rbf`` (Gaussian kernel).
        penalty: of softmax regression: ``l2`` or ``l1``.
        freeze: ``all`` (the head alone is fitted), ``none``, or how many of the first stages stay.
        views: of each training image, the first as it is.
        epochs: of training what is not frozen, instead of the recipe's.
        batch_size: of training what is not frozen, instead of the recipe's.
        unfreeze_every: epochs between thawing one stage and the next below; 0 thaws all at once.
        out: the run's folder; ``runs/NETWORK-DATA`` if None. It must not hold a run.
        curve: measure accuracy by training images and by frozen stages for the report (minutes).
        export: write the verified ONNX file into the run as well.
        seed: of split, folds and views.
        engine: for features: ``auto``, ``openvino``, ``torch``; with ``bfloat16`` or ``float32``.
        cache: where features are kept; the default folder if None.
        workers: as for `train`.
        val_fraction: as for `train`.
        skip_bad: as for `train`.
        progress: as for `train`.

    Raises:
        StriateError: images, backbone, weights or options are at fault.
        Interrupted: Ctrl-C; the features computed so far are kept.
    """
    from striate.data.sources import named_data
    from striate.report.build import write_report
    from striate.support.signals import heard
    from striate.training.progress import Terminal
    from striate.transfer_learning.finish import finish_transfer
    from striate.transfer_learning.options import TransferOptions
    from striate.transfer_learning.transfer import transfer as carry

    options = TransferOptions(
        data=named_data(data),
        backbone=backbone,
        weights=weights,
        head=head,
        penalty=cast("Penalty", penalty),
        freeze=str(freeze),
        views=views,
        epochs=epochs,
        batch_size=batch_size,
        unfreeze_every=unfreeze_every,
        out=None if out is None else Path(out),
        curve=curve,
        export=export,
        seed=seed,
        engine=engine,
        cache=None if cache is None else Path(cache),
        workers=workers,
        val_fraction=val_fraction,
        skip_bad=skip_bad,
        progress=progress,
    )
    with heard():
        made = carry(options, Terminal() if progress else None)
        return finish_transfer(
            made, write_report=write_report, export=export, workers=workers, progress=progress
        )


def cache(
    folder: str | Path | None = None,
    *,
    older_than: float | None = None,
    everything: bool = False,
) -> CacheReport:
    """What `transfer` keeps on disk, features above all; remove what is old if asked to.

    Args:
        folder: as `transfer`'s `cache`; the default folder if None.
        older_than: remove what was not used for so many days; None removes nothing.
        everything: remove all. Either leaves features that a process is writing.

    Returns:
        What is kept, what was removed, the bytes of both, and ``summary()``.

    Raises:
        StriateError: `folder` is a file, `older_than` is negative, or something cannot be removed.
    """
    from striate.transfer_learning.cache.report import report

    where = None if folder is None else Path(folder)
    return report(where, days=0.0 if everything else older_than)
