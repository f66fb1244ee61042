"""What an ensemble's members come to: each of them, any number of them, and where they disagree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.errors import RunError
from striate.inference.ensemble import MeasuredEnsemble
from striate.runs.ensemble import members_in
from striate.runs.layout import CONFIG, ENSEMBLE
from striate.runs.records import read_json
from striate.support.files import write_atomically
from striate.support.paths import shown
from striate.support.tables import Bounds, from_table

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.evaluation.evaluate import WriteReport
    from striate.evaluation.metrics import Evaluation
    from striate.inference.classifier import GivesProbabilities
    from striate.runs.run import Run

MOST_SUBSETS = 2_000
"""Of one size: of more, so many are drawn."""
_LISTED = 24
"""Images on which the members disagree the most that are kept."""
_Share = Annotated[float, Bounds(0, 1)]
_Count = Annotated[int, Bounds(0, 10**12)]


class About(NamedTuple):
    """What is known of a member before it is measured."""

    name: str
    network: str
    seed: int
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True)
class MemberFigures:
    """One member alone."""

    name: str
    network: str
    seed: int
    top1: _Share
    loss: float
    temperature: float = 1.0
    """By which its logits were divided."""


@dataclass(frozen=True, kw_only=True)
class SizeFigures:
    """All ensembles of some of the members."""

    members: _Count
    subsets: _Count
    mean: _Share
    """Of their top-1."""
    std: float
    """Of their top-1, over the subsets; 0 of one."""
    drawn: bool = False
    """Whether there are more of them."""


@dataclass(frozen=True, kw_only=True)
class EnsembleFigures:
    """What is kept of an ensemble's members, measured on its held-out images."""

    images: _Count
    members: tuple[MemberFigures, ...]
    sizes: tuple[SizeFigures, ...]
    agreed: _Share
    """Share of the images of which all members predict the same class."""
    agreed_top1: _Share
    """Share of these that is right."""
    disagreed_top1: _Share
    """Of the other images, the share that the ensemble has right; 0 where there are none."""
    pairs: tuple[tuple[float, ...], ...]
    """(members, members): the share of the images of which two predict different classes."""
    disputed: tuple[int, ...]
    """Numbers of the images with the most spread among the members' predictions."""


def ensemble_figures(
    members: NDArray[np.float32],
    labels: NDArray[np.int64],
    about: Sequence[About],
) -> EnsembleFigures:
    """Judge the members' probabilities by the labels.

    Args:
        members: (images, members, classes).
        labels: (images,).
        about: what is known of each member.
    """
    predicted = members.argmax(2)
    rows = np.arange(len(labels))
    own = members[rows, :, labels]
    together = members.mean(1, dtype=np.float64).argmax(1)
    agreed = (predicted == predicted[:, :1]).all(1)
    spread = members.astype(np.float64).var(1).sum(1)
    disputed = [int(at) for at in np.argsort(-spread, kind="stable") if not agreed[at]]
    pairs = (predicted[:, :, None] != predicted[:, None, :]).mean(0)
    return EnsembleFigures(
        images=len(labels),
        members=tuple(
            MemberFigures(
                **each._asdict(),
                top1=float((predicted[:, at] == labels).mean()),
                loss=float(-np.log(own[:, at].clip(1e-12)).mean()),
            )
            for at, each in enumerate(about)
        ),
        sizes=tuple(_of_size(members, labels, size) for size in range(1, members.shape[1] + 1)),
        agreed=float(agreed.mean()),
        agreed_top1=_mean((together == labels)[agreed]),
        disagreed_top1=_mean((together == labels)[~agreed]),
        pairs=tuple(tuple(map(float, row)) for row in pairs),
        disputed=tuple(disputed[:_LISTED]),
    )


def _of_size(members: NDArray[np.float32], labels: NDArray[np.int64], size: int) -> SizeFigures:
    total = members.shape[1]
    subsets: Sequence[Sequence[int]]
    drawn = comb(total, size) > MOST_SUBSETS
    if drawn:
        random = np.random.default_rng(size)
        subsets = [
            sorted(random.choice(total, size, replace=False).tolist()) for _ in range(MOST_SUBSETS)
        ]
    else:
        subsets = list(combinations(range(total), size))
    found = np.array(
        [
            (members[:, list(subset)].sum(1, dtype=np.float64).argmax(1) == labels).mean()
            for subset in subsets
        ]
    )
    std = float(found.std(ddof=1)) if len(found) > 1 else 0.0
    return SizeFigures(
        members=size, subsets=len(subsets), mean=float(found.mean()), std=std, drawn=drawn
    )


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else 0.0


class Measuring:
    """Measures an ensemble run, and keeps what its members came to when its report is written.

    Args:
        write_report: writes the report then.
    """

    def __init__(self, write_report: WriteReport[Evaluation]) -> None:
        self._write_report = write_report
        self._classifier: MeasuredEnsemble | None = None

    def open(self, run: Run, *, device: str, calibrated: bool = True) -> GivesProbabilities:
        """See `striate.evaluation.kinds.OpenClassifier`."""
        self._classifier = MeasuredEnsemble(run, device=device, calibrated=calibrated)
        return self._classifier

    def write_report(
        self,
        run: Run,
        data: Data,
        evaluation: Evaluation,
        probabilities: NDArray[np.float32],
        check: Mapping[str, Any] | None = None,
    ) -> object:
        """See `striate.report.build.write_report`."""
        from striate.runs.ensemble import members_of

        images = data.val if data.test is None else data.test
        if self._classifier is not None and len(self._classifier.members) == len(images):
            named = members_in(run.config, shown(run.path / CONFIG))
            about = [
                About(said.name, member.config.network, member.config.seed, member.temperature)
                for said, member in zip(named, members_of(run), strict=True)
            ]
            found = ensemble_figures(self._classifier.members, images.labels, about)
            write_ensemble_figures(run.path, found)
        return self._write_report(run, data, evaluation, probabilities, check)


def is_measured(run: Run) -> bool:
    """Whether what is kept of the members of `run` is of them as they are, calibrated or not."""
    from striate.runs.ensemble import members_of

    found = read_ensemble_figures(run)
    return found is not None and [each.temperature for each in found.members] == [
        member.temperature for member in members_of(run)
    ]


def write_ensemble_figures(folder: Path, found: EnsembleFigures) -> None:
    """Keep the figures in the run's `folder`."""
    write_atomically(folder / ENSEMBLE, json.dumps(asdict(found), indent=1).encode())


def read_ensemble_figures(run: Run) -> EnsembleFigures | None:
    """What was found of the members of `run`; None where nothing was.

    Raises:
        RunError: the file is damaged.
    """
    found = read_json(run.path / ENSEMBLE)
    if found is None:
        return None
    try:
        return from_table(EnsembleFigures, found, "it", kind=RunError)
    except RunError as error:
        raise RunError(
            shown(run.path / ENSEMBLE), f"is damaged ({error})", "delete it, and evaluate the run"
        ) from error
