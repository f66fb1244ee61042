"""``striate lab``: claims about networks, put to the test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from striate.cli.options import AsJson, Given, command
from striate.errors import StriateError, nearest, parameter
from striate.lab.options import RunExperimentOptions
from striate.support.options import Doc, options_of

if TYPE_CHECKING:
    from striate.lab.listing import ExperimentList
    from striate.lab.run import ExperimentResult

_ACTIONS = ("list", "run", "report")


@dataclass(frozen=True)
class _Action:
    """What comes first."""

    action: Annotated[
        str,
        Doc(
            "``list`` the experiments, as `list_experiments` does; ``run`` one, as "
            "`run_experiment` does; or ``report`` what is there of one by now, as "
            "`report_experiment` does."
        ),
    ]


@dataclass(frozen=True)
class Typed(RunExperimentOptions, _Action):
    """What is typed."""

    name: Annotated[
        str | None,
        Doc("To run: an experiment of the list. To report: the folder of its results."),
    ] = None  # type: ignore[assignment]


@command(Typed)
def lab(given: Given, as_json: AsJson = False) -> None:
    """Put claims about networks to the test.

    List them, run one, or report it. Every setting is measured with every seed; a rule that was
    written down before the run makes a verdict of it: supported, contradicted, or undecided.
    """
    from striate import api

    action, name = given.pop("action"), given.pop("name")
    found: ExperimentList | ExperimentResult
    if action not in _ACTIONS:
        raise StriateError(f"lab {action}", "is not what the lab does", nearest(action, _ACTIONS))
    if action != "run":
        _refuse(given, action)
    if action == "list":
        if name is not None:
            raise StriateError(f"lab list {name}", "takes no name", "leave it out")
        found = api.list_experiments()
    elif name is None:
        what = "an experiment of striate lab list" if action == "run" else "a folder of results"
        raise StriateError(f"lab {action}", "needs a name", f"give {what}")
    elif action == "run":
        found = api.run_experiment(name, **given, progress=True)
    else:
        found = api.report_experiment(name)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
        return
    from rich.console import Console

    found.show(Console(highlight=False))


def _refuse(given: dict[str, Any], action: str) -> None:
    """Raise for what only a run takes."""
    for each in options_of(RunExperimentOptions):
        if each.name in given and given[each.name] != each.default:
            why = f"is nothing for lab {action}"
            raise StriateError(parameter(each.name), why, "leave it out")
