"""What the page says of an ensemble's members, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from striate.report.charts import Axes, Chart, Series, line_chart
from striate.report.pictures import LARGE, pictures
from striate.report.transfer_curves import share_range
from striate.support.words import exact_percent, figure, percent, plural, points

if TYPE_CHECKING:
    from striate.evaluation.ensembles import EnsembleFigures
    from striate.report.inputs import ReportInputs

MOST_PAIRS = 12
"""Members whose table of pairs has room on the page."""


@dataclass(frozen=True, kw_only=True)
class Disputed:
    """An image on which the members disagree."""

    source: str
    name: str
    file: str
    true: str
    predicted: str
    right: bool


@dataclass(frozen=True, kw_only=True)
class EnsembleSection:
    """The section of the page."""

    sentence: str
    members: Sequence[dict[str, Any]]
    growth: Chart
    growth_sentence: str
    pairs: Sequence[tuple[str, Sequence[str]]]
    """A member's name, and the share of the images on which it differs from each."""
    disagreement: str
    disputed: Sequence[Disputed]

    @property
    def hovers(self) -> dict[str, Any]:
        """What a pointer on its chart reads off, by the chart's key."""
        return {"by-members": self.growth.hover}


def ensemble_section(inputs: ReportInputs) -> EnsembleSection | None:
    """The section, or None for a run that is one network."""
    found = inputs.ensemble
    if found is None:
        return None
    best = max(each.top1 for each in found.members)
    names = [_name(found, at) for at in range(len(found.members))]
    return EnsembleSection(
        sentence=_sentence(inputs, found),
        members=[
            {
                "name": name,
                "network": each.network,
                "seed": each.seed,
                "top1": each.top1,
                "loss": figure(each.loss),
                "best": each.top1 == best,
            }
            for name, each in zip(names, found.members, strict=True)
        ],
        growth=_growth(found),
        growth_sentence=_growth_sentence(found),
        pairs=[
            (name, [percent(share) for share in row])
            for name, row in zip(names, found.pairs, strict=True)
        ]
        if len(names) <= MOST_PAIRS
        else [],
        disagreement=_disagreement(found),
        disputed=_disputed(inputs, found),
    )


def lead(inputs: ReportInputs, found: EnsembleFigures) -> str:
    """What the networks are, and what they were trained on."""
    trained = int(inputs.counts["train"].sum()) if "train" in inputs.counts else 0
    return (
        f"The mean of the probabilities of {plural(len(found.members), 'network')} "
        f"({_networks(found)}), trained on {plural(trained, 'image')} of "
        f"{plural(len(inputs.evaluation.classes), 'class', 'classes')}."
    )


def caveat(inputs: ReportInputs) -> str:
    """Whether the members' weights were chosen on these images."""
    if inputs.chosen_here:
        return (
            "Each member has the weights of the epoch that did best on its own validation images, "
            "which may be among these, so the figure is slightly optimistic."
        )
    return "These images were used neither for training nor for choosing a member’s epoch."


def _name(found: EnsembleFigures, at: int) -> str:
    own = found.members[at].name
    again = sum(each.name == own for each in found.members) > 1
    return f"{own} ({at + 1})" if again else own


def _networks(found: EnsembleFigures) -> str:
    kinds = dict.fromkeys(each.network for each in found.members)
    return ", ".join(kinds)


def _sentence(inputs: ReportInputs, found: EnsembleFigures) -> str:
    alone = found.sizes[0]
    gain = points(inputs.evaluation.top1 - alone.mean, 1)
    return (
        f"Alone, the {plural(len(found.members), 'member')} classify {percent(alone.mean)} "
        f"correctly on average, together {percent(inputs.evaluation.top1)}: "
        f"{gain} points."
    )


def _growth(found: EnsembleFigures) -> Chart:
    """Top-1 over the number of members: the mean over all subsets, and one deviation about it."""
    sizes = found.sizes
    low = [max(each.mean - each.std, 0.0) for each in sizes]
    high = [min(each.mean + each.std, 1.0) for each in sizes]
    axes = Axes(
        label="Accuracy by number of members",
        x=[each.members for each in sizes],
        x_names=[
            f"{plural(each.members, 'member')}, {plural(each.subsets, 'subset')}" for each in sizes
        ],
        x_title="members",
        show=percent,
        tick=exact_percent,
        **share_range([*low, *high]),
    )
    series = [
        Series(name="mean of all subsets", style="val", values=[each.mean for each in sizes]),
        Series(name="one standard deviation above", style="aux1", values=high),
        Series(name="one standard deviation below", style="aux2", values=low),
    ]
    return line_chart(series, axes)


def _growth_sentence(found: EnsembleFigures) -> str:
    first, *_, before, last = found.sizes if len(found.sizes) > 2 else (*found.sizes, *found.sizes)
    said = (
        f"One member: {percent(first.mean)} ± {percent(first.std)}; all "
        f"{len(found.members)}: {percent(last.mean)}."
    )
    if len(found.sizes) > 2:
        said += f" The last one adds {points(last.mean - before.mean)} points."
    if any(each.drawn for each in found.sizes):
        said += " Of sizes with very many subsets, some were drawn."
    return said


def _disagreement(found: EnsembleFigures) -> str:
    if found.agreed == 1:
        return "All members predict the same class of every image."
    said = f"All members predict the same class of {percent(found.agreed)} of the images"
    said += f", which is right of {percent(found.agreed_top1)} of them." if found.agreed else "."
    return said + f" Of the others, the ensemble has {percent(found.disagreed_top1)} right."


def _disputed(inputs: ReportInputs, found: EnsembleFigures) -> list[Disputed]:
    """The images with the most spread among the members' probabilities."""
    indices = [at for at in found.disputed if at < len(inputs.images.labels)]
    classes, shares = inputs.evaluation.classes, inputs.probabilities
    made = []
    for at, source in zip(indices, pictures(inputs, indices, LARGE), strict=True):
        label, predicted = int(inputs.images.labels[at]), int(shares[at].argmax())
        name = str(inputs.images.names[at])
        made.append(
            Disputed(
                source=source,
                name=name,
                file=PurePath(name).name,
                true=classes[label],
                predicted=classes[predicted],
                right=label == predicted,
            )
        )
    return made
