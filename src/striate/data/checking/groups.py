"""Images that show the same, by name, split and class: what a check finds and people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.data.images import ImageSet


@dataclass(frozen=True)
class Member:
    """An image of a group of duplicates: of a class, or with the values of its targets."""

    name: str
    split: str
    class_name: str = ""
    values: tuple[float, ...] = ()

    @property
    def answer(self) -> str:
        """The class or the values, for people."""
        return self.class_name or ", ".join(f"{value:g}" for value in self.values)


@dataclass(frozen=True)
class Duplicates:
    """Images that show the same.

    `crosses_splits`: some are trained on and others measured on, so figures come out too good.
    `crosses_classes`: one picture under two labels or, of images with numbers, with two values.
    """

    kind: str
    members: tuple[Member, ...]

    @property
    def crosses_splits(self) -> bool:
        """Whether not all members are in one split."""
        return len({member.split for member in self.members}) > 1

    @property
    def crosses_classes(self) -> bool:
        """Whether not all members are of one class, or have the same values."""
        return len({(member.class_name, member.values) for member in self.members}) > 1

    def to_json(self) -> dict[str, Any]:
        """Plain data: kind, crosses_splits, crosses_classes, members."""
        return {
            "kind": self.kind,
            "crosses_splits": self.crosses_splits,
            "crosses_classes": self.crosses_classes,
            "members": [_plain(member) for member in self.members],
        }


def _plain(member: Member) -> dict[str, Any]:
    found: dict[str, Any] = {"name": member.name, "split": member.split}
    if member.values:
        return found | {"values": list(member.values)}
    return found | {"class": member.class_name}


def members_of(splits: dict[str, ImageSet], groups: Sequence[Sequence[int]]) -> dict[int, Member]:
    """The images of `groups`, by their number in all splits together."""
    starts = np.cumsum([0, *map(len, splits.values())])
    sets = list(splits.items())
    members = {}
    for index in (each for group in groups for each in group):
        which = int(np.searchsorted(starts, index, side="right")) - 1
        split, images = sets[which]
        own = index - int(starts[which])
        name, values = images.names[own], images.values
        members[index] = (
            Member(name, split, images.classes[images.labels[own]])
            if values is None
            else Member(name, split, values=tuple(values[own].tolist()))
        )
    return members


def described(
    kind: str, groups: Sequence[Sequence[int]], members: Mapping[int, Member]
) -> tuple[Duplicates, ...]:
    """Groups of indices as groups of images, those first that harm most."""
    found = [Duplicates(kind, tuple(members[index] for index in group)) for group in groups]
    harm = sorted(found, key=lambda group: (not group.crosses_splits, not group.crosses_classes))
    return tuple(harm)
