"""What the check of the data found, as short findings with the files that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.report.inputs import PageInputs, ReportInputs
from striate.support.words import count, figure, listing, plural

#: Files named in one finding.
_MOST_FILES = 100
#: The largest class by the smallest: above the first the classes are called uneven, above the
#: second a person should look.
_UNEVEN, _VERY_UNEVEN = 3, 10


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found. `kind` is ``fine``, ``notice`` (look here) or ``fact``."""

    kind: str
    title: str
    text: str = ""
    files: Sequence[str] = ()


def findings(inputs: ReportInputs) -> list[Finding]:
    """What needs a look first, then what is well, then plain facts."""
    return findings_of(inputs, [_balance(inputs)])


def findings_of(inputs: PageInputs, own: Sequence[Finding | None]) -> list[Finding]:
    """`findings` of any run: its `own`, and what all have in common."""
    found = [_unreadable(inputs), *own]
    if inputs.check is not None:
        found += _duplicates(inputs.check)
        found += _oddities(inputs.check)
        found += _facts(inputs.check)
    order = {"notice": 0, "fine": 1, "fact": 2}
    return sorted((each for each in found if each), key=lambda each: order[each.kind])


def _unreadable(inputs: PageInputs) -> Finding:
    if not inputs.skipped:
        return Finding(kind="fine", title="Every image could be read.")
    return Finding(
        kind="notice",
        title=f"{plural(len(inputs.skipped), 'file was', 'files were')} left out,",
        text="since they could not be read as images.",
        files=[f"{name}: {reason}" for name, reason in inputs.skipped[:_MOST_FILES]],
    )


def _balance(inputs: ReportInputs) -> Finding | None:
    trained = inputs.counts.get("train")
    if trained is None or not trained.size:
        return None
    few, many = int(trained.min()), int(trained.max())
    ratio = many / max(few, 1)
    classes = inputs.evaluation.classes
    return Finding(
        kind="notice" if ratio > _VERY_UNEVEN else "fine",
        title="The classes are uneven." if ratio > _UNEVEN else "The classes are even enough.",
        text=(
            f"The largest, “{classes[int(trained.argmax())]}”, has "
            f"{plural(many, 'training image')}, {figure(ratio, 2)} times the smallest, "
            f"“{classes[int(trained.argmin())]}” ({count(few)})."
        )
        if many > few
        else f"Each has {plural(many, 'training image')}.",
    )


def _duplicates(check: Mapping[str, Any]) -> list[Finding]:
    groups: Sequence[Mapping[str, Any]] = check.get("duplicates") or ()
    by_look = check.get("uncompared", 0) < check.get("images", 0)
    if not groups:
        if by_look:
            return [Finding(kind="fine", title="No two images are the same, or nearly so.")]
        text = "Images that are nearly the same were not looked for: `striate check` does."
        return [Finding(kind="fine", title="No two files hold the same picture.", text=text)]
    across = [group for group in groups if group["crosses_splits"]]
    labels = [g for g in groups if g["crosses_classes"] and not g["crosses_splits"]]
    rest = [g for g in groups if not g["crosses_splits"] and not g["crosses_classes"]]
    kinds = (
        (
            across,
            "notice",
            "on both sides of the split,",
            "so the network is measured on training images, and the figures are too good.",
        ),
        (labels, "notice", "under more than one label,", "of which one at most is right."),
        (rest, "fact", "present more than once", "within one class and part."),
    )
    return [
        Finding(
            kind=kind,
            title=f"{plural(len(held), 'picture')} {title}",
            text=text,
            files=[_group(each) for each in held[:_MOST_FILES]],
        )
        for held, kind, title, text in kinds
        if held
    ]


def _group(group: Mapping[str, Any]) -> str:
    near = " (nearly the same)" if group["kind"] == "near" else ""
    members = [f"{m['name']} ({m['split']}, {_answer(m)})" for m in group["members"]]
    return listing(members) + near


def _answer(member: Mapping[str, Any]) -> str:
    """The class of an image, or its values."""
    return member.get("class") or ", ".join(f"{value:g}" for value in member["values"])


def _oddities(check: Mapping[str, Any]) -> list[Finding]:
    found = []
    misnamed = check.get("misnamed") or ()
    if misnamed:
        found.append(
            Finding(
                kind="notice",
                title=f"{plural(len(misnamed), 'file has', 'files have')} another format",
                text="than their extension; they were read by their content.",
                files=[f"{each['name']}: {each['reason']}" for each in misnamed[:_MOST_FILES]],
            )
        )
    ignored = check.get("ignored") or ()
    if ignored:
        found.append(
            Finding(
                kind="fact",
                title=f"{plural(len(ignored), 'file is', 'files are')} no image",
                text="and was ignored.",
                files=list(ignored[:_MOST_FILES]),
            )
        )
    found += [
        Finding(kind="fact", title="Note:", text=f"{note}.") for note in check.get("notes") or ()
    ]
    return found


def _facts(check: Mapping[str, Any]) -> list[Finding]:
    found = []
    sizes = check.get("sizes") or {}
    if sizes:
        width, height = (_range(sizes[side]) for side in ("width", "height"))
        found.append(
            Finding(kind="fact", title="Sizes:", text=f"{width} wide, {height} high, in pixels.")
        )
    grey, images = check.get("grey", 0), check.get("images", 0)
    if grey:
        title = (
            "All images are grey."
            if grey == images
            else f"{plural(grey, 'image is', 'images are')} grey."
        )
        found.append(Finding(kind="fact", title=title))
    statistics = check.get("statistics")
    if statistics:
        mean, std = (
            ", ".join(figure(float(v)) for v in statistics[key]) for key in ("mean", "std")
        )
        text = f"mean {mean}; standard deviation {std}, where white is 1."
        found.append(Finding(kind="fact", title="Channels of the training images:", text=text))
    return found


def _range(values: Mapping[str, float]) -> str:
    low, middle, high = (count(round(values[key])) for key in ("min", "median", "max"))
    return low if low == high else f"{low} to {high} (median {middle})"
