"""Several runs put together as one: copies of their folders, and what is known of their images."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.data.columns import Digests
from striate.data.manifest import Manifest
from striate.errors import RunError, StriateError, parameter
from striate.runs import layout as names
from striate.runs.claim import claim, hold
from striate.runs.config import RunConfig
from striate.runs.costs import Costs, costs_of, write_costs
from striate.runs.ensemble import ENSEMBLE, MOST_MEMBERS, Member, as_variant, order_of
from striate.runs.images import images_of
from striate.runs.origins import DataOrigin
from striate.runs.provenance import provenance
from striate.runs.run import Run
from striate.runs.stamp import read_stamp
from striate.support.files import WriteError, write_atomically
from striate.support.paths import reason, shown
from striate.support.signals import heard, uninterrupted

_LEFT = (names.STATE, names.BOARD)
"""What members are copied without: what they could be trained on from, and events."""
_OF_A_PROCESS = re.compile(r"\.striate\..*|\..*\.part")


def check_members(runs: Sequence[Run]) -> None:
    """See to it that `runs` can be one ensemble.

    Raises:
        StriateError: there are too few of them, one is named twice or an ensemble itself, or they
            have other classes or targets.
        RunError: one has no weights.
    """
    if not 2 <= len(runs) <= MOST_MEMBERS:
        raise StriateError(
            parameter("runs"), f"must be 2 to {MOST_MEMBERS} runs, not {len(runs)}", "name them"
        )
    seen: set[Path] = set()
    for run in runs:
        if run.has_members:
            raise RunError(
                shown(run.path),
                "is an ensemble itself",
                f"name its members, which are in {shown(run.path / names.MEMBERS)}",
            )
        if run.path in seen:
            raise RunError(shown(run.path), "is named twice", "name every member once")
        seen.add(run.path)
        read_stamp(run.path / names.WEIGHTS)
        order_of(runs[0], run)


def gather(
    runs: Sequence[Run], out: Path, *, progress: Callable[[int, int], None] | None = None
) -> Run:
    """Make an ensemble in `out` of copies of `runs`.

    Args:
        runs: its members, in their order.
        out: resolved; a new or an empty folder.
        progress: called with members that are copied, of all.

    Raises:
        StriateError: as `check_members`; or `out` is not empty, or cannot be written.
    """
    check_members(runs)
    with heard(), claim(out) as held:
        try:
            members = []
            # Copies that were left by a process that was killed, or there would be no claim.
            shutil.rmtree(out / names.MEMBERS, ignore_errors=True)
            for number, run in enumerate(runs, start=1):
                folder = out / names.MEMBERS / f"{number:02}"
                _copy(run.path, folder)
                members.append(Run.open(folder, allow_code=run.allow_code, net=run.given))
                if progress is not None:
                    progress(number, len(runs))
            named = [run.path.name for run in runs]
            config = _written(out, members, named)
            with uninterrupted():
                config.write(out / names.CONFIG)
                held.begun()
        except BaseException:
            shutil.rmtree(out / names.MEMBERS, ignore_errors=True)
            raise
    return _opened(out, config, runs)


def gather_inside(out: Path, members: Sequence[Run]) -> Run:
    """Make an ensemble in `out` of runs that are its members already, or write it anew.

    Raises:
        StriateError: as `gather`.
    """
    check_members(members)
    begun = (out / names.CONFIG).exists()
    held = hold(out) if begun else claim(out, beside=frozenset({names.MEMBERS}))
    with held:
        config = _written(out, members, [member.path.name for member in members])
        with uninterrupted():
            config.write(out / names.CONFIG)
            held.begun()
    return _opened(out, config, members)


def _opened(out: Path, config: RunConfig, members: Sequence[Run]) -> Run:
    """The ensemble in `out`, which may run what its `members` may."""
    return Run(
        out,
        config,
        allow_code=any(member.allow_code for member in members),
        given=next((member.given for member in members if member.given is not None), None),
    )


def _copy(source: Path, target: Path) -> None:
    """All that a run holds of its own, without what `_LEFT` names.

    Raises:
        WriteError: it cannot be copied.
    """

    def left(_folder: str, entries: list[str]) -> set[str]:
        return {each for each in entries if each in _LEFT or _OF_A_PROCESS.fullmatch(each)}

    try:
        shutil.copytree(source, target, ignore=left)
    except (OSError, shutil.Error) as error:
        why = reason(error) if isinstance(error, OSError) and error.errno else str(error)[:200]
        raise WriteError(shown(target), f"cannot be copied ({why})", "make room for it") from error


def _written(out: Path, members: Sequence[Run], named: Sequence[str]) -> RunConfig:
    """What the ensemble's ``run.toml`` is to hold; what belongs beside it is written."""
    first = members[0]
    origin, manifest = _images(members)
    if manifest is not None:
        write_atomically(out / names.IMAGES, manifest.to_bytes())
    # A member may have none: its training never came to its end.
    samples = (each.path / names.SAMPLES for each in members)
    if (found := next(filter(Path.exists, samples), None)) is not None:
        write_atomically(out / names.SAMPLES, found.read_bytes())
    _keep_costs(out, members)
    said = [
        Member(
            folder=f"{names.MEMBERS}/{member.path.name}",
            name=name,
            identity=member.config.identity,
            weights=read_stamp(member.path / names.WEIGHTS).digest,
        )
        for member, name in zip(members, named, strict=True)
    ]
    return RunConfig(
        network=ENSEMBLE,
        classes=first.classes,
        targets=first.targets,
        in_channels=first.config.in_channels,
        preprocessing=first.preprocessing,
        recipe=None,
        data=origin,
        variant=as_variant(said),
        seed=first.config.seed,
        precision="float32",
        device="cpu",
        threads=first.config.threads,
        provenance=provenance(workers=0),
    )


def _keep_costs(out: Path, members: Sequence[Run]) -> None:
    """Write down what all members cost together, where that is known of each."""
    each = [costs_of(member.path, member.config) for member in members]
    known = [costs for costs in each if costs is not None]
    if len(known) == len(members):
        write_costs(
            out,
            Costs(
                parameters=sum(costs.parameters for costs in known),
                macs=sum(costs.macs for costs in known),
            ),
        )


def _images(members: Sequence[Run]) -> tuple[DataOrigin, Manifest | None]:
    """Which images the members were made with, together.

    Held out is what the first holds out and none was trained on. Where the members' images are not
    in one place, the ensemble has no images of its own, but still a list of those trained on.
    """
    origins = [member.config.data for member in members]
    manifests = [images_of(member) for member in members]
    known = [each for each in manifests if each is not None]
    nothing = replace(
        origins[0],
        origin="",
        fingerprint="",
        train_images=0,
        val_images=0,
        test_images=0,
        held_out="",
        skipped=0,
    )
    if len(known) < len(members):
        return nothing, None
    if all(other.lists_the_same_as(known[0]) for other in known[1:]):
        together = known[0]
    else:
        together = _joined(known)
    one_place = len({each.origin for each in origins}) == 1
    counts = {split: len(digests) for split, digests in together.digests.items()}
    measurable = one_place and counts["val"] > 0
    return replace(
        origins[0],
        origin=origins[0].origin if measurable else "",
        fingerprint=together.fingerprint,
        train_images=counts["train"],
        val_images=counts["val"],
        test_images=counts.get("test", 0),
        skipped=max(each.skipped for each in origins),
    ), together


def _joined(manifests: Sequence[Manifest]) -> Manifest:
    """The images of several runs: trained on by any of them, or held out by the first."""
    first = manifests[0]
    trained: dict[str, tuple[int, NDArray[np.float64]]] = {}
    for each in manifests:
        own = _answers(each, "train", first)
        trained |= dict(zip(each.digests["train"], own, strict=True))
    digests: dict[str, Sequence[str]] = {"train": Digests.of(list(trained))}
    answers = {"train": list(trained.values())}
    for split in first.digests:
        if split != "train":
            own = _answers(first, split, first)
            kept = [at for at, each in enumerate(first.digests[split]) if each not in trained]
            digests[split] = Digests.of([first.digests[split][at] for at in kept])
            answers[split] = [own[at] for at in kept]
    shape = (-1, len(first.targets))
    made = Manifest(
        classes=first.classes,
        targets=first.targets,
        digests=digests,
        labels={
            split: np.array([label for label, _ in own], np.int64) for split, own in answers.items()
        },
        values={
            split: np.array([values for _, values in own], np.float64).reshape(shape)
            for split, own in answers.items()
            if first.targets
        },
        held_out=first.held_out,
        fingerprint="",
    )
    return replace(made, fingerprint=made.own_fingerprint)


def _answers(
    manifest: Manifest, split: str, first: Manifest
) -> list[tuple[int, NDArray[np.float64]]]:
    """The label, or the values, of each image of a part, as those of `first` are numbered."""
    labels = manifest.labels[split]
    if not first.targets:
        place = {name: label for label, name in enumerate(first.classes)}
        nothing = np.empty(0)
        return [(place[manifest.classes[label]], nothing) for label in labels.tolist()]
    own = [target.name for target in manifest.targets]
    order = [own.index(target.name) for target in first.targets]
    return [(0, values) for values in manifest.values[split][:, order]]
