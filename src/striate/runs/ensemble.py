"""A run that is several runs: the mean of its members' probabilities, or of their values.

The members are whole runs in folders of their own, ``members/01`` and so on. The run's ``run.toml``
names ``ensemble`` as its network and, in its variant, each member by its configuration digest and
the digest of its weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from striate.errors import RunError
from striate.runs.config import RunConfig
from striate.runs.layout import CONFIG, MEMBERS, WEIGHTS
from striate.runs.run import Run
from striate.support.paths import shown
from striate.support.tables import from_table
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.preprocessing import Preprocessing
    from striate.hub.ensemble import Ensemble

ENSEMBLE = "ensemble"
"""What ``run.toml`` calls its network."""
MOST_MEMBERS = 999


@dataclass(frozen=True, kw_only=True)
class Member:
    """What an ensemble says of one of its members."""

    folder: str
    """Below the ensemble's: ``members/01``."""
    name: str
    """What its folder was called before, for people."""
    identity: str
    """Its configuration digest."""
    weights: str
    """The digest of its weights."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Members that see the same pixels, which compute as one network.

    Attributes:
        preprocessing: of the first of them; the others' may differ in mean and std.
        network: gives their mean, or each of them.
        members: their numbers in the ensemble, from 0 on.
    """

    preprocessing: Preprocessing
    network: Ensemble
    members: tuple[int, ...]


def is_ensemble(run: Run) -> bool:
    """Whether `run` has members."""
    return run.config.network == ENSEMBLE


def as_variant(members: Sequence[Member]) -> dict[str, Any]:
    """What ``run.toml`` holds of them."""
    return {"members": [asdict(each) for each in members]}


def members_in(config: RunConfig, what: str) -> list[Member]:
    """What `config`, of an ensemble that errors call `what`, says of its members.

    Raises:
        RunError: it is damaged, or names a folder outside.
    """
    listed, remedy = config.variant.get("members"), "restore it from a copy"
    if not isinstance(listed, list) or not 1 < len(listed) <= MOST_MEMBERS:
        raise RunError(what, "is damaged (its ensemble has no members)", remedy)
    found = [from_table(Member, each, f"{what}: members", kind=RunError) for each in listed]
    for each in found:
        if not re.fullmatch(rf"{MEMBERS}/[0-9]{{1,3}}", each.folder):
            why = f"is damaged (it names the folder '{printable(each.folder)}')"
            raise RunError(what, why, remedy)
    return found


def members_of(run: Run) -> list[Run]:
    """The members of an ensemble, opened; none of another run.

    Raises:
        RunError: one is missing, damaged, or another run than it was.
    """
    if not is_ensemble(run):
        return []
    from striate.runs.stamp import read_stamp

    found = []
    for each in members_in(run.config, shown(run.path / CONFIG)):
        member = run.inside(run.path / each.folder)
        stamp = read_stamp(member.path / WEIGHTS)
        if (member.config.identity, stamp.digest) != (each.identity, each.weights):
            raise RunError(
                shown(member.path),
                "is another run than it was when the ensemble was made",
                "restore it from a copy, or make the ensemble anew with `striate ensemble`",
            )
        found.append(member)
    return found


def groups_of(run: Run) -> list[Group]:
    """The members of an ensemble by what they see, in evaluation mode, on the CPU.

    Raises:
        RunError: as `members_of`; a member cannot be opened.
    """
    by_geometry: dict[Preprocessing, list[tuple[int, Run]]] = {}
    for number, member in enumerate(members_of(run)):
        by_geometry.setdefault(geometry(member.preprocessing), []).append((number, member))
    found = []
    for members in by_geometry.values():
        runs = [member for _, member in members]
        found.append(
            Group(
                preprocessing=runs[0].preprocessing,
                network=_together(run, runs).eval(),
                members=tuple(number for number, _ in members),
            )
        )
    return found


def _together(run: Run, members: Sequence[Run]) -> Ensemble:
    """Members of the ensemble `run` that see the same pixels, as one network."""
    from striate.hub.ensemble import ClassEnsemble, NumberEnsemble

    networks = [member.network() for member in members]
    orders = [order_of(run, member) for member in members]
    normalisations = [(member.preprocessing.mean, member.preprocessing.std) for member in members]
    if run.answers_numbers:
        scales = [_scale(member) for member in members]
        return NumberEnsemble(networks, orders, normalisations, scales, _scale(run))
    return ClassEnsemble(
        networks, orders, normalisations, [member.temperature for member in members]
    )


def _scale(run: Run) -> tuple[list[float], list[float]]:
    """Means and deviations of the targets of `run`."""
    return [each.mean for each in run.targets], [each.deviation for each in run.targets]


def network_of(run: Run) -> Ensemble:
    """The ensemble as one network, where all members see the same pixels.

    Raises:
        RunError: they do not; or as `groups_of`.
    """
    found = groups_of(run)
    if len(found) > 1:
        sizes = [f"{g.preprocessing.height} x {g.preprocessing.width}" for g in found]
        raise RunError(
            shown(run.path),
            f"has members that see different pixels ({', '.join(sizes)}), and is no single network",
            "evaluate it, predict with it or export it, or give one of its members",
        )
    return found[0].network


def geometry(preprocessing: Preprocessing) -> Preprocessing:
    """What decides the pixels: all but mean and std."""
    channels = preprocessing.channels
    return replace(preprocessing, mean=(0.0,) * channels, std=(1.0,) * channels)


def order_of(run: Run, member: Run) -> list[int] | None:
    """The output of `member` for each of those of `run`; None where they are in the same order.

    Raises:
        RunError: it has other classes, or other targets.
    """
    names, others = run.config.outputs, member.config.outputs
    if run.answers_numbers != member.answers_numbers:
        kinds = {True: "numbers", False: "classes"}
        raise RunError(
            shown(member.path),
            f"answers with {kinds[member.answers_numbers]}, and {shown(run.path)} with "
            f"{kinds[run.answers_numbers]}",
            "give runs that answer with the same",
        )
    what, several = ("target", "targets") if run.answers_numbers else ("class", "classes")
    for one, other, there in (
        (names, others, "is not among those of"),
        (others, names, f"is a {what} of"),
    ):
        missing = [name for name in one if name not in set(other)]
        if missing:
            alone = "" if there.startswith("is not") else " alone"
            raise RunError(
                f"{what} '{printable(missing[0])}'",
                f"{there} {shown(member.path)}{alone}",
                f"give runs with the same {several}, by name",
            )
    if run.answers_numbers:
        _refuse_other_units(run, member)
    own = {name: place for place, name in enumerate(others)}
    order = [own[name] for name in names]
    return None if order == sorted(order) else order


def _refuse_other_units(run: Run, member: Run) -> None:
    """Raise RunError where a target of both is in another unit in one of them.

    A target without a unit may be in any.
    """
    units = {each.name: each.unit for each in run.targets}
    for each in member.targets:
        if each.unit and units[each.name] and each.unit != units[each.name]:
            one, other = (printable(unit) for unit in (units[each.name], each.unit))
            raise RunError(
                f"target '{printable(each.name)}'",
                f"has the unit {other} in {shown(member.path)}, and {one} in {shown(run.path)}",
                "give runs with the same units",
            )
