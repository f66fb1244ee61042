"""What is known of a run without its images and without PyTorch."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from striate.errors import RunError
from striate.hub.names import GIVEN, parse
from striate.runs.config import RunConfig
from striate.runs.listing.entry import ListedRun, listed
from striate.runs.run import Run
from striate.runs.summary.mistakes import WrongPrediction, predictions_of, wrong
from striate.runs.targets import refuse_numbers
from striate.support.shown import Shown
from striate.zoo.catalogue import entries


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSummary(Shown):
    """A run: network, data, recipe, figures, learning curve, and what to do next.

    Attributes:
        path: resolved.
        config: what was decided before its first step.
        entry: the run in a line: figures, sizes, times.
        title: its network in words.
        weights_epoch: after which the kept weights were taken; None where there are none.
        temperature: by which its probabilities are calibrated; 1 where they are not.
        evaluation: what its last evaluation found, as `striate.evaluate` gives it; None without.
        metrics: an entry an epoch.
        mistakes: the surest, if they were asked for.
        wrong: how many held-out images are wrong; None where no predictions are kept.
        next_steps: (command, what it does).
        notes: what a person should know.
    """

    shown_by: ClassVar[str] = "striate.runs.summary.terminal:show"

    path: Path
    config: RunConfig
    entry: ListedRun
    title: str
    weights_epoch: int | None
    temperature: float
    evaluation: Mapping[str, Any] | None
    metrics: Sequence[Mapping[str, Any]]
    mistakes: tuple[WrongPrediction, ...] | None
    wrong: int | None
    next_steps: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made = self.mistakes
        return {
            **self.entry.to_json(),
            "title": self.title,
            "class_names": list(self.config.classes),
            "settings": self.config.to_dict(),
            "weights_epoch": self.weights_epoch,
            "temperature": self.temperature,
            "evaluation": _finite(self.evaluation),
            "metrics": [
                {key: value for key, value in line.items() if key != "health"}
                for line in self.metrics
            ],
            "mistakes": None if made is None else [each.to_json() for each in made],
            "wrong": self.wrong,
            "next_steps": [{"command": command, "does": does} for command, does in self.next_steps],
            "notes": list(self.notes),
        }


def _finite(value: Any) -> Any:
    """`value` with None for what JSON cannot say: a file of figures may be damaged."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarise(path: str | Path, *, mistakes: bool = False, most: int = 20) -> RunSummary:
    """What is known of the run at `path`. Nothing in it is run.

    Args:
        path: of its folder.
        mistakes: whether its surest mistakes are wanted.
        most: how many of them.

    Raises:
        RunError: there is no such run, its small files are damaged, or mistakes are wanted and it
            keeps no predictions.
    """
    # No network is made, so that none has to be allowed.
    run = Run.open(path, allow_code=True)
    entry = listed(run.path, run.path.name)
    notes: list[str] = []
    if mistakes:
        refuse_numbers(run, "a list of mistakes", "see its report")
    found = predictions_of(run) if mistakes else None
    epoch, temperature = None, 1.0
    try:
        epoch, temperature = run.weights_epoch, run.temperature
        found = found or (None if run.answers_numbers else run.predictions())
        notes += run.notes
    except RunError as error:
        notes.append(str(error))
    if found is not None and found.epoch != epoch:
        notes.append(
            f"its predictions and figures are those of epoch {found.epoch}, and older than its "
            "weights"
        )
    number = None if found is None else int((found.predicted != found.labels).sum())
    return RunSummary(
        path=run.path,
        config=run.config,
        entry=entry,
        title=title_of(run.config),
        weights_epoch=epoch,
        temperature=temperature,
        evaluation=run.evaluation,
        metrics=run.metrics,
        mistakes=wrong(found, most) if mistakes and found is not None else None,
        wrong=number,
        next_steps=_next_steps(run, entry, number if not mistakes else None),
        notes=tuple(notes),
    )


def title_of(config: RunConfig) -> str:
    """The network of a run in words.

    A name of another library, or of code, stands for itself.
    """
    known = next((each for each in entries() if each.name == config.network), None)
    title = config.network if known is None else known.title
    return f"{title} with a new head" if config.transfer else title


def _next_steps(run: Run, entry: ListedRun, mistakes: int | None) -> tuple[tuple[str, str], ...]:
    spec, at = parse(run.config.network), shlex.quote(str(run.path))
    if spec.source == GIVEN:
        return ((f"striate.open_run({str(run.path)!r}, net=module)", "opens it in Python"),)
    allowed = " --allow-code" if spec.is_code else ""
    steps = []
    try:
        unfinished = bool(run.notes)
    except RunError:
        unfinished = True
    if unfinished and entry.epochs:
        steps.append((f"striate train {at} --resume{allowed}", "trains it to its end"))
    if entry.top1 is None and entry.mae is None:
        data = "" if run.config.data.origin else " DATA"
        steps.append((f"striate evaluate {at}{data}{allowed}", "measures it"))
    if mistakes:
        steps.append((f"striate show {at} --mistakes", "lists what it gets wrong"))
    does = "tells their numbers" if run.answers_numbers else "classifies images"
    steps.append((f"striate predict {at} IMAGES{allowed}", does))
    if not run.answers_numbers:
        steps.append((f"striate export {at}{allowed}", "writes it as one ONNX file"))
    return tuple(steps)
