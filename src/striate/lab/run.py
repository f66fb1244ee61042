"""An experiment from its name to its page: what is there is read, what is missing is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from striate.errors import Interrupted, RunError, StriateError, parameter
from striate.lab import results as files
from striate.lab.book import experiment_of
from striate.lab.experiment import Conditions, Experiment
from striate.lab.options import RunExperimentOptions
from striate.lab.page import PAGE, write_page
from striate.lab.results import Header, Results
from striate.lab.running import measure_all
from striate.lab.verdict import Judged, Verdict, whole
from striate.runs.lock import LOCK, acquire
from striate.support.paths import resolved, shown
from striate.support.progress import Progress, counting
from striate.support.shown import Shown
from striate.support.signals import heard

_QUICK_SEEDS = 2


@dataclass(frozen=True, kw_only=True)
class ExperimentResult(Shown):
    """What an experiment came to.

    Attributes:
        experiment: which one.
        folder: of its results and its page.
        page: the page.
        quick: whether it only proves that everything works; then there is no verdict.
        seeds: with which every setting was measured.
        verdict: on the claim.
        judged: each statement, with its effect.
    """

    experiment: Experiment
    folder: Path
    page: Path
    quick: bool
    seeds: tuple[int, ...]
    verdict: Verdict | None
    judged: tuple[Judged, ...]

    shown_by: ClassVar[str] = "striate.lab.terminal:show"

    def to_json(self) -> dict[str, Any]:
        """Plain values; effects of ratios are logarithms."""
        return {
            "experiment": self.experiment.name,
            "claim": self.experiment.claim,
            "folder": str(self.folder),
            "page": str(self.page),
            "quick": self.quick,
            "seeds": list(self.seeds),
            "verdict": self.verdict,
            "statements": [
                {
                    **asdict(each.statement),
                    "effect": each.mean,
                    "interval": list(each.interval) if len(self.seeds) > 1 else None,
                    "verdict": None if self.quick else each.verdict,
                }
                for each in self.judged
            ],
        }


def run(options: RunExperimentOptions) -> ExperimentResult:
    """Measure what is missing, and write the page.

    Raises:
        StriateError: there is no such experiment, its data cannot be opened, or what should be
            equal is not; the folder holds other results or files.
        Interrupted: Ctrl-C; what was measured is kept.
    """
    experiment = experiment_of(options.name)
    data = None if options.data is None else str(options.data)
    conditions = experiment.under(data=data, epochs=options.epochs, quick=options.quick)
    seeds = options.seeds or (_QUICK_SEEDS if options.quick else experiment.seeds)
    header = _header(experiment, conditions)
    folder = resolved(options.out or Path("lab") / experiment.name)
    _make(folder)
    with acquire(folder, "wait until it has ended, or choose another folder"):
        found = _begin(folder, experiment, header)
        tasks = [
            (seed, setting)
            for seed in range(seeds)
            for setting in experiment.settings
            if (seed, setting) not in found.lines
        ]
        total = seeds * len(experiment.settings)
        with counting(experiment.name, wanted=options.progress, before=total - len(tasks)) as count:
            _measure(
                experiment,
                conditions,
                tasks,
                found,
                folder=folder,
                workers=options.workers,
                count=count,
            )
        files.write(folder, found)
        return report(folder, found)


def report(folder: Path, results: Results | None = None) -> ExperimentResult:
    """Judge what was measured, and write its page.

    Args:
        folder: of the results.
        results: those in it; read if None.

    Raises:
        RunError: there are none, or not one seed is complete.
    """
    found = _read(folder) if results is None else results
    experiment = experiment_of(found.header.experiment)
    if not found.seeds:
        remedy = f"go on with: striate lab run {experiment.name} --out {folder}"
        raise RunError(shown(folder), "not one seed is complete", remedy)
    judged = judge(experiment, found)
    quick = found.header.quick
    return ExperimentResult(
        experiment=experiment,
        folder=folder,
        page=write_page(folder / PAGE, experiment, found, judged),
        quick=quick,
        seeds=tuple(found.seeds),
        verdict=None if quick else whole(judged),
        judged=judged,
    )


def judge(experiment: Experiment, results: Results) -> tuple[Judged, ...]:
    """What `results` say of each statement of `experiment`."""
    return tuple(
        statement.judge(
            {name: results.values(name, statement.figure) for name in statement.contrast}
        )
        for statement in experiment.statements
    )


def _header(experiment: Experiment, conditions: Conditions) -> Header:
    data: Mapping[str, Any] = {}
    if conditions.data is not None:
        from striate.lab.learning import described

        data = described(conditions)
    import torch

    return Header(
        experiment=experiment.name,
        quick=conditions.quick,
        epochs=conditions.epochs,
        data=data,
        equal=experiment.held_equal(conditions),
        made_with={"striate": version("striate"), "torch": str(torch.__version__)},
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {each.name for each in folder.iterdir()}
    except OSError as error:
        why = f"cannot be made or read ({error.strerror})"
        raise RunError(shown(folder), why, "choose another folder") from error
    if names - {LOCK} and files.RESULTS not in names:
        raise RunError(shown(folder), "holds other files", "choose another folder")


def _begin(folder: Path, experiment: Experiment, header: Header) -> Results:
    """The results that are in `folder`; begun if there are none.

    Raises:
        RunError: those there are of something else.
    """
    if not (folder / files.RESULTS).exists():
        found = Results(header=header, settings=experiment.settings)
        files.write(folder, found)
        return found
    found = files.read(folder / files.RESULTS, experiment.settings)
    there, wanted = (json.loads(json.dumps(each.to_json())) for each in (found.header, header))
    for key, value in wanted.items():
        if there[key] != value:
            why = f"holds results with another {key}: {there[key]}, and not {value}"
            raise RunError(shown(folder), why, "choose another folder")
    return found


def _measure(
    experiment: Experiment,
    conditions: Conditions,
    tasks: list[tuple[int, str]],
    found: Results,
    *,
    folder: Path,
    workers: int,
    count: Progress | None,
) -> None:
    total = len(found.lines) + len(tasks)

    def tell() -> None:
        if count is not None:
            count(len(found.lines), total)

    try:
        with heard():
            for done in measure_all(experiment, conditions, tasks, workers=workers, waiting=tell):
                found.add(done.seed, done.setting, done.measured, done.seconds)
                files.append(folder, found, done.seed, done.setting)
    except (KeyboardInterrupt, Interrupted) as stop:
        raise Interrupted(
            f"after {len(found.lines)} of {total} measurements, which are kept; the same command "
            "goes on with the others"
        ) from stop


def _read(folder: Path) -> Results:
    path = folder / files.RESULTS
    named = files.read(path, ()).header.experiment
    try:
        experiment = experiment_of(named)
    except StriateError as error:
        raise RunError(shown(path), f"is of {error.what}, which {error.why}") from error
    return files.read(path, experiment.settings)


def checked_folder(folder: str | Path) -> Path:
    """The folder of results that a person names.

    Raises:
        RunError: there is none.
    """
    found = resolved(folder)
    if not found.is_dir():
        why, remedy = "there is no such folder", "name one that `striate lab run` wrote"
        raise RunError(parameter("folder", str(found)), why, remedy)
    return found
