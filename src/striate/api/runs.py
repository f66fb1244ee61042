"""Runs looked at without their images: which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.runs.options import ListRunsOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.runs.listing.find import RunList


@takes(ListRunsOptions)
def list_runs(options: ListRunsOptions) -> RunList:
    """The runs under a folder: network, data, top-1, parameters, MACs, time, date.

    Only small files are read, and PyTorch is not loaded.

    Returns:
        A sequence of runs, which prints as a table. Folders that look like runs and cannot be read
        as such are in ``unlisted``, each with its reason.

    Raises:
        StriateError: there is no such folder, or `sort` or `filter` name no column.
    """
    from striate.runs.listing.find import find_runs
    from striate.runs.listing.select import checked, selected

    wanted = checked(sort=options.sort, filters=options.filter)
    return selected(find_runs(options.folder), wanted)
