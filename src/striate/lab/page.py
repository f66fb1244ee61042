"""The page of an experiment: verdict, figure, table, what was held equal, what it cannot show."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from striate.lab.drawing import mean_and_std
from striate.lab.experiment import Experiment
from striate.lab.results import Results
from striate.lab.verdict import Judged, whole
from striate.report.pages import rendered
from striate.support.files import write_atomically
from striate.support.words import count, figure, listing, percent, plural

PAGE = "report.html"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a page says of results, in HTML or in Markdown alike.

    Attributes:
        verdict: on the claim; ``quick`` where nothing is decided.
        ran_on: on what, for how long.
        command: that measures the same.
        effects: (statement, effect, what was wanted, verdict) of each statement.
        heading: of the table.
        table: its rows.
        equal: (what, value) of what was held equal.
        cannot: what the experiment cannot show.
        drawing: the figure.
    """

    verdict: str
    ran_on: str
    command: str
    effects: tuple[tuple[str, str, str, str], ...]
    heading: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    equal: tuple[tuple[str, str], ...]
    cannot: tuple[str, ...]
    drawing: Markup


def told(experiment: Experiment, results: Results, judged: Sequence[Judged]) -> Told:
    """What there is to say of `results`."""
    quick = results.header.quick
    return Told(
        verdict="quick" if quick else whole(judged),
        ran_on=_ran_on(results),
        command=_command(experiment, results),
        effects=tuple(
            (
                each.statement.says,
                each.told,
                each.statement.threshold,
                ("–" if quick else each.verdict)
                + ("" if each.statement.decides else ", decides nothing"),
            )
            for each in judged
        ),
        heading=("", *(heading for _, heading in experiment.shown)),
        table=tuple(
            (
                setting,
                *(
                    mean_and_std(results.values(setting, name), _way(heading))
                    if results.has(setting, name)
                    else "–"
                    for name, heading in experiment.shown
                ),
            )
            for setting in experiment.settings
        ),
        equal=tuple((each.what, _values(each.values)) for each in results.header.equal),
        cannot=experiment.cannot,
        drawing=experiment.figure(results),
    )


def write_page(
    path: Path, experiment: Experiment, results: Results, judged: Sequence[Judged]
) -> Path:
    """Write the page of `results` to `path`; returns it.

    Raises:
        WriteError: it cannot be written.
    """
    page = rendered(
        "lab.html",
        page={
            "sections": [
                ("result", "Result"),
                ("figure", "Figure"),
                ("table", "Numbers"),
                ("equal", "Held equal"),
                ("limits", "Limits"),
            ],
        },
        experiment=experiment,
        told=told(experiment, results, judged),
        charts={},
        cells={"cells": {}, "classes": [], "pixels": False},
    )
    write_atomically(path, page.encode())
    return path


def _ran_on(results: Results) -> str:
    header = results.header
    parts = []
    if header.data:
        counts = [
            f"{count(header.data[part])} {name}"
            for part, name in (
                ("train", "to train on"),
                ("val", "held out"),
                ("test", "to test on"),
            )
            if part in header.data
        ]
        parts.append(f"on {header.data['name']} ({listing(counts)})")
    if header.epochs:
        parts.append(f"over {plural(header.epochs, 'epoch')}")
    parts.append(f"with {plural(len(results.seeds), 'seed')}")
    return f"{', '.join(parts)}; PyTorch {header.made_with['torch']}"


def _command(experiment: Experiment, results: Results) -> str:
    header = results.header
    words = ["striate lab run", experiment.name]
    if header.quick:
        return " ".join([*words, "--quick"])
    if header.data and header.data["name"] != experiment.conditions.data:
        words += ["--data", shlex.quote(header.data["name"])]
    if header.epochs != experiment.conditions.epochs:
        words += ["--epochs", str(header.epochs)]
    if len(results.seeds) != experiment.seeds:
        words += ["--seeds", str(len(results.seeds))]
    return " ".join(words)


def _way(heading: str) -> Callable[[float], str]:
    """How numbers below a heading are written: as shares where it ends in ``%``."""
    return (lambda value: percent(value, 2)) if heading.endswith("%") else figure


def _values(values: Mapping[str, float]) -> str:
    """One number where all are the same, else each.

    Examples:
        >>> _values({"a": 1870560.0, "b": 1870560.0}), _values({"a": 0.1, "b": 2.0})
        ('1,870,560', 'a 0.1, b 2')
    """
    told = {name: f"{v:,.0f}" if v == round(v) else f"{v:,.6g}" for name, v in values.items()}
    if len(set(values.values())) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{name} {text}" for name, text in told.items())
