"""``striate runs``: the runs under a folder, or several runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from striate.cli.options import AsJson, Given, command
from striate.errors import StriateError, parameter
from striate.evaluation.comparing.options import CompareRunsOptions
from striate.runs.options import Filter, ListRunsOptions, Sort
from striate.support.options import Doc, options_of

if TYPE_CHECKING:
    from striate.evaluation.comparing.comparison import RunComparison
    from striate.runs.listing.find import RunList


@dataclass(frozen=True)
class Typed(CompareRunsOptions):
    """What is typed: what `striate.list_runs` takes or, of several, `striate.compare_runs`."""

    runs: Annotated[
        Sequence[str | Path],
        Doc(
            "A folder: runs in it and in the folders below it are listed; the current one by "
            "default. Two or more runs' folders or ONNX files that `export` wrote: they are "
            "compared."
        ),
    ] = ()
    _: KW_ONLY
    sort: Sort = "date"
    filter: Filter = ()


@command(Typed, output=("-o", "--output"))
def runs(given: Given, as_json: AsJson = False) -> None:
    """List the runs under a folder, or compare several of them.

    Of one folder: network, data, top-1 with its 95 % interval, parameters, MACs, time and date, as
    `striate.list_runs` does. Of two or more runs: accuracy on the same images, with paired
    intervals and McNemar's test, and where they differ, as `striate.compare_runs` does.
    """
    from striate import api

    paths = given["runs"]
    found: RunComparison | RunList
    if len(paths) > 1:
        found = api.compare_runs(**_of(given, CompareRunsOptions), progress=True)
    else:
        found = api.list_runs(*paths, **_of(given, ListRunsOptions))
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
        return
    from rich.console import Console

    found.show(Console(highlight=False))


def _of(given: Given, kind: Any) -> Given:
    """What of `given` belongs to the options `kind`.

    Raises:
        StriateError: something is given that has no place there.
    """
    own = {each.name for each in options_of(kind)}
    for each in options_of(Typed):
        if each.name in own or each.name in ("runs", "progress"):
            continue
        if given[each.name] not in (each.default, [], None):
            comparing = kind is CompareRunsOptions
            why = "is for lists of runs" if comparing else "is for comparisons"
            remedy = "give one folder, or leave it out" if comparing else "give two or more runs"
            raise StriateError(parameter(each.name), why, remedy)
    return {name: value for name, value in given.items() if name in own}
