"""A run calibrated: a temperature fitted to held-out images, judged, and kept in the run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from striate.errors import RunError
from striate.evaluation.ensembles import is_measured
from striate.evaluation.evaluate import probabilities_on
from striate.evaluation.kinds import OpenClassifier, figures_of
from striate.evaluation.temperature import FEWEST, FOLDS, Reliability, scaling_of
from striate.runs import layout as names
from striate.runs.calibration import drop_calibration, keep_calibration
from striate.runs.claim import hold
from striate.runs.data import training_of
from striate.support.files import write_atomically
from striate.support.paths import shown
from striate.support.shown import Readable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from striate.runs.predictions import Predictions
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class CalibrationReport(Readable):
    """What calibrating a run did.

    Attributes:
        run: its folder.
        temperature: what its logits are divided by from now on; 1 for nothing.
        images: how many it was fitted to.
        before: the network's own probabilities of these images.
        after: cross-fitted: of each image by a temperature that was fitted to other images.
        kept: whether the run was changed: not where it would not help.
    """

    run: Path
    temperature: float
    images: int
    before: Reliability | None
    after: Reliability | None
    kept: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        figures = {
            name: None if found is None else {"loss": found.loss, "ece": found.ece}
            for name, found in (("before", self.before), ("after", self.after))
        }
        plain = {"temperature": self.temperature, "images": self.images, "kept": self.kept}
        return {"run": str(self.run), **plain, **figures}

    def summary(self) -> str:
        """What was done, and what it does."""
        where = shown(self.run)
        if self.before is None or self.after is None:
            done = "is no longer calibrated" if self.kept else "was not calibrated"
            return f"{where} {done}: its probabilities are the network's own"
        lines = [
            f"fitted to {self.images:,} images, cross-fitted in {FOLDS} parts:",
            f"ece   {self.before.ece:.4f} before, {self.after.ece:.4f} after "
            "(expected calibration error)",
            f"loss  {self.before.loss:.4f} before, {self.after.loss:.4f} after",
        ]
        if self.kept:
            lines += [
                f"temperature {self.temperature:.4g}, by which {where} is used from now on; "
                "top-1 is the same.",
                f"Its report shows it after `striate evaluate {where}`; what was exported before "
                f"has the old probabilities until `striate export {where}`.",
            ]
        else:
            lines.append("That would make its probabilities no better: nothing was changed.")
        return "\n".join(lines)


class EvaluateAgain(Protocol):
    """Measures a run anew on its own held-out images, and keeps what its network gave."""

    def __call__(self) -> object:
        """Do it."""


def calibrate_run(
    run: Run,
    data: str | Path | None,
    *,
    evaluate: EvaluateAgain,
    open_classifier: OpenClassifier,
    skip_bad: bool = False,
    workers: int | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> CalibrationReport:
    """Fit a temperature to images that `run` was not trained on, and use it from then on.

    Where it would make nothing better, nothing is changed.

    Args:
        run: a run, trained.
        data: labelled images; None for what was kept of its own held-out ones.
        evaluate: makes what is kept of these anew, where it is missing or older than the weights.
        open_classifier: opens the run's network.
        skip_bad: leave unreadable files of `data` out instead of stopping at them.
        workers: threads that read images; None for one a processor, at most four.
        device: where to compute.
        progress: count on standard error.

    Raises:
        RunError: the images are too few, or all are classified correctly, or none; another process
            is writing into the run.
        WriteError: the run cannot be written.
        DataError: the images cannot be used.
    """
    if data is None:
        kept = _kept(run, evaluate)
        shares, labels = kept.probabilities, kept.labels
    else:
        found, shares = probabilities_on(
            open_classifier(run, device=device, calibrated=False),
            data,
            training=training_of(run),
            skip_bad=skip_bad,
            workers=workers,
            progress=progress,
        )
        labels = found.images.labels
    scaling = scaling_of(shares, labels)
    if scaling is None:
        raise _refused(run, shares, labels)
    helps = scaling.after.loss < scaling.before.loss
    if helps:
        with hold(run.path):
            keep_calibration(run, scaling.fitted, len(labels), elsewhere=data is not None)
            _rewrite_figures(run)
    return CalibrationReport(
        run=run.path,
        temperature=scaling.fitted if helps else run.temperature,
        images=len(labels),
        before=scaling.before,
        after=scaling.after,
        kept=helps,
    )


def uncalibrate(run: Run) -> CalibrationReport:
    """Use the network's own probabilities of `run` again.

    Raises:
        RunError: another process is writing into the run.
        WriteError: the run cannot be written.
    """
    with hold(run.path):
        there = drop_calibration(run)
        if there:
            _rewrite_figures(run)
    return CalibrationReport(
        run=run.path, temperature=1.0, images=0, before=None, after=None, kept=there
    )


def _kept(run: Run, evaluate: EvaluateAgain) -> Predictions:
    """What the network of `run` gives for its held-out images, as its weights are now."""
    kept = _fresh(run)
    if kept is None:
        evaluate()
        kept = _fresh(run)
    if kept is None:  # it may only be read, so that it cannot be calibrated either
        raise RunError(shown(run.path), "cannot be written", "copy it to where it can")
    return kept


def _fresh(run: Run) -> Predictions | None:
    """What is kept, if it is of the weights that the run has now."""
    kept = run.predictions(calibrated=False)
    if kept is None or kept.weights != run.stamp.digest:
        return None
    if run.has_members and not is_measured(run):  # a member was calibrated since
        return None
    return kept


def _rewrite_figures(run: Run) -> None:
    """Make the run's figures anew from what is kept of its held-out images."""
    kept = _fresh(run)
    if kept is not None:
        figures = figures_of(run, kept.probabilities, kept.labels)
        content = json.dumps(figures.to_json(), indent=1).encode()
        write_atomically(run.path / names.EVALUATION, content)


def _refused(run: Run, shares: NDArray[np.float32], labels: NDArray[np.int64]) -> RunError:
    """Why no temperature can be fitted to these images."""
    if len(labels) < FEWEST:
        why = f"{len(labels)} images are too few (at least {FEWEST})"
    else:
        right = bool((shares.argmax(axis=1) == labels).all())
        why = f"all {len(labels):,} images are classified {'correctly' if right else 'wrongly'}"
    remedy = "give more images that it was not trained on"
    return RunError(shown(run.path), f"cannot be calibrated: {why}", remedy)
