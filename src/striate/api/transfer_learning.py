"""A trained network transferred to other images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from striate.support.options import takes
from striate.transfer_learning.cache.options import CacheOptions
from striate.transfer_learning.options import TransferOptions

if TYPE_CHECKING:
    from striate.transfer_learning.cache.report import CacheReport
    from striate.transfer_learning.result import TransferResult


@takes(TransferOptions)
def transfer(options: TransferOptions) -> TransferResult:
    """Put a new head on a trained network, for other images; evaluate, report and export it.

    Returns:
        The figures, and where the run is. With `target` it is a
        `striate.transfer_learning.result.NumberTransferResult`, of which the type does not speak.

    Raises:
        StriateError: images, backbone, weights or options are at fault.
        Interrupted: Ctrl-C; the features computed so far are kept.
    """
    return transfer_one(options)


def transfer_one(options: TransferOptions, *, report: bool = True) -> TransferResult:
    """`transfer`, where nobody may want the `report`."""
    from striate.report.build import write_report
    from striate.report.numbers import write_number_report
    from striate.support.signals import heard
    from striate.training.callbacks.several import Callbacks
    from striate.training.ending import told_of_the_end
    from striate.transfer_learning.finish import finish_transfer
    from striate.transfer_learning.transfer import transfer as carry

    with heard():
        made = carry(options)
        write = write_number_report if made.run.answers_numbers else write_report
        with told_of_the_end(Callbacks(options.callbacks), made.run):
            found = finish_transfer(
                made,
                write_report=partial(write, progress=options.progress) if report else None,
                export=options.export,
                workers=options.workers,
                progress=options.progress,
            )
        return cast("TransferResult", found)


@takes(CacheOptions)
def cache(options: CacheOptions) -> CacheReport:
    """What is cached on disk, features and working copies above all; remove what is old if asked.

    Returns:
        What is kept, what was removed, the bytes of both, and ``summary()``.

    Raises:
        StriateError: `folder` is a file, `older_than` is negative, or something cannot be removed.
    """
    from striate.transfer_learning.cache.report import report

    return report(options.folder, days=0.0 if options.everything else options.older_than)
