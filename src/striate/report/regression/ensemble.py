"""What the page says of the members of an ensemble of numbers, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.evaluation.regression.metrics import spearman
from striate.report.regression.words import unit_of
from striate.runs.ensemble import members_in, members_of
from striate.runs.predicted_values import read_values
from striate.support.words import figure, plural

if TYPE_CHECKING:
    from striate.report.regression.inputs import NumberInputs
    from striate.runs.run import Run


@dataclass(frozen=True, kw_only=True, eq=False)
class MemberValues:
    """One member, and what it gave for the images that the ensemble is measured on.

    Attributes:
        name: what its folder was called before.
        network: its network.
        seed: its seed.
        predicted: (images, targets), in the order of the ensemble's.
    """

    name: str
    network: str
    seed: int
    predicted: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NumberEnsembleSection:
    """The section of the page."""

    sentence: str
    spread: str
    members: Sequence[dict[str, Any]]


def member_values(run: Run, digests: Sequence[str]) -> tuple[MemberValues, ...]:
    """What the members of `run` keep of the images with these `digests`; nothing if any lacks one.

    Members that held out other images keep nothing of some of them.

    Raises:
        RunError: a member is damaged.
    """
    made = []
    listed = members_in(run.config, str(run.path))
    names = [target.name for target in run.targets]
    for about, member in zip(listed, members_of(run), strict=True):
        found = read_values(member)
        rows = {} if found is None else {each: at for at, each in enumerate(found.digests)}
        if found is None or not all(each in rows for each in digests):
            return ()
        own = [target.name for target in found.targets]
        order = [own.index(name) for name in names]
        made.append(
            MemberValues(
                name=about.name,
                network=member.config.network,
                seed=member.config.seed,
                predicted=found.predicted[[rows[each] for each in digests]][:, order].astype(
                    np.float64
                ),
            )
        )
    return tuple(made)


def number_ensemble(inputs: NumberInputs) -> NumberEnsembleSection | None:
    """The section; None for a run that is one network, or where members measured other images."""
    members = inputs.ensemble
    if not members:
        return None
    alone = [_error(inputs, each.predicted) for each in members]
    together = _error(inputs, inputs.predicted)
    unit = " deviations" if len(inputs.targets) > 1 else unit_of(inputs.targets[0])
    return NumberEnsembleSection(
        sentence=(
            f"Alone, the {plural(len(members), 'member')} are off by "
            f"{figure(float(np.mean(alone)))}{unit} on average, together by "
            f"{figure(together)}{unit}: the error of a mean is never larger than the mean of the "
            "errors, and the smaller, the more the members differ."
        ),
        spread=_spread(inputs, members),
        members=[
            {
                "name": each.name,
                "network": each.network,
                "seed": each.seed,
                "error": f"{figure(error, 4)}{unit}",
                "best": error == min(alone),
            }
            for each, error in zip(members, alone, strict=True)
        ],
    )


def _error(inputs: NumberInputs, predicted: NDArray[np.float64]) -> float:
    """The mean absolute error; of several targets the mean of each in deviations."""
    found = np.abs(predicted - inputs.true).mean(axis=0)
    if len(inputs.targets) > 1:
        found = found / [each.deviation for each in inputs.targets]
    return float(found.mean())


def _spread(inputs: NumberInputs, members: Sequence[MemberValues]) -> str:
    """Whether the members disagree where the ensemble is wrong, in a sentence."""
    if len(members) < 2:
        return ""
    scale = np.array([each.deviation for each in inputs.targets])
    stacked = np.stack([each.predicted for each in members])
    spread = (stacked.std(axis=0) / scale).mean(axis=1)
    errors = (np.abs(inputs.errors) / scale).mean(axis=1)
    rank = float(spearman(spread, errors))
    if not np.isfinite(rank):
        return ""
    said = f"The rank correlation of their disagreement with the error is {figure(rank, 2)}: "
    if rank > _TELLS:
        return said + "where members disagree, trust the value less."
    return said + "their disagreement hardly tells where the value is wrong."


#: From which rank correlation on disagreement is called a sign of errors. Our choice.
_TELLS = 0.3
