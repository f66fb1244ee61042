"""What is compared: runs and exported files, and the images that none of them was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from striate.data.images import ImageSet
from striate.data.labelled import open_labelled
from striate.data.scan import threads
from striate.errors import DataError, RunError, StriateError, parameter
from striate.evaluation.comparing.options import CompareRunsOptions
from striate.runs.data import own_data, training_of
from striate.support.folders import cache_at
from striate.support.paths import shown
from striate.support.progress import counting
from striate.support.text import printable
from striate.support.words import listing

if TYPE_CHECKING:
    from striate.runs.run import Run

_NAMED = 3
"""Classes that a line names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One of those that are compared.

    Attributes:
        name: what tells it from the others.
        path: resolved.
        classes: names, in the order of its probabilities.
        network: its network; empty where a file does not say it.
        run: None for an exported file.
    """

    name: str
    path: Path
    classes: tuple[str, ...]
    network: str
    run: Run | None


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Images that a side was not trained on, and what it gives for them.

    Attributes:
        names: how each image is called.
        digests: the content hash of each.
        labels: the class of each by its name's place among the first side's classes, int64 (n,).
        images: the images themselves, where they had to be opened.
        probabilities: float32 (n, classes), in the side's own order; None until they are computed.
    """

    names: Sequence[str]
    digests: Sequence[str]
    labels: NDArray[np.int64]
    images: ImageSet | None = None
    probabilities: NDArray[np.float32] | None = None

    def subset(self, indices: NDArray[np.int64]) -> HeldOut:
        """The images at `indices`, in that order."""
        shares = self.probabilities
        return replace(
            self,
            names=[self.names[i] for i in indices.tolist()],
            digests=[self.digests[i] for i in indices.tolist()],
            labels=self.labels[indices],
            images=None if self.images is None else self.images.subset(indices),
            probabilities=None if shares is None else shares[indices],
        )


def names_of(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of `paths` that tell them apart.

    Examples:
        >>> names_of([Path("/a/one/x"), Path("/a/two/x"), Path("/a/two/y")])
        ['one/x', 'two/x', 'y']
    """
    found = []
    for path in paths:
        parts = path.parts
        for count in range(1, len(parts) + 1):
            if sum(other.parts[-count:] == parts[-count:] for other in paths) == 1:
                break
        found.append("/".join(parts[-count:]))
    return found


def refuse_other_classes(sides: Sequence[Side]) -> None:
    """Raise unless all `sides` tell the same classes apart, in whatever order.

    Raises:
        RunError: the first that does not, and what it lacks and has beside.
    """
    first = sides[0]
    for side in sides[1:]:
        lacking = sorted(set(first.classes) - set(side.classes))
        more = sorted(set(side.classes) - set(first.classes))
        if lacking or more:
            parts = [f"lacks {_few(lacking)}"] if lacking else []
            parts += [f"has {_few(more)} beside"] if more else []
            raise RunError(
                shown(side.path),
                f"tells other classes apart than {printable(first.name)}: it {listing(parts)}",
                "compare networks of the same classes",
            )


def _few(classes: Sequence[str]) -> str:
    named = [f"'{printable(each)}'" for each in classes[:_NAMED]]
    if len(classes) > _NAMED:
        named.append(f"{len(classes) - _NAMED:,} more")
    return listing(named)


def held_out_of_runs(sides: Sequence[Side], options: CompareRunsOptions) -> list[HeldOut]:
    """The held-out images of each run; an exported file has those of the first run.

    Raises:
        StriateError: there is no run among `sides`, or its images are needed and are gone.
    """
    first = next((side for side in sides if side.run is not None), None)
    if first is None:
        raise StriateError(
            parameter("data"), "is missing", "give images: exported files have none of their own"
        )
    classes, found, images = sides[0].classes, [], None
    for side in sides:
        if side.run is not None:
            found.append(_kept(side, classes) or _opened(own_images(side, options), side, classes))
            continue
        images = images or own_images(first, options)
        labels = places(first.classes, side.classes)[images.labels]
        found.append(_opened(images.relabelled(side.classes, labels), side, classes))
    return found


def own_images(side: Side, options: CompareRunsOptions) -> ImageSet:
    """The images that the run `side` was measured on.

    Raises:
        StriateError: they are not where they were.
    """
    assert side.run is not None
    data = own_data(
        side.run,
        skip_bad=options.skip_bad,
        recheck=options.recheck,
        workers=options.workers,
        progress=options.progress,
    )
    return data.val if data.test is None else data.test


def found_again(
    sides: Sequence[Side], digests: Sequence[str], options: CompareRunsOptions
) -> tuple[ImageSet | None, str]:
    """The images with these `digests`, from where some run has them; else a note on why not."""
    why = ""
    for side in sides:
        if side.run is None:
            continue
        try:
            images = own_images(side, options)
        except (DataError, RunError) as error:
            why = f"the page has no pictures: {error.what} {error.why}"
            continue
        at = {digest: place for place, digest in enumerate(images.digests)}
        return images.subset([at[digest] for digest in digests]), ""
    return None, why


def labelled(side: Side, classes: Sequence[str], options: CompareRunsOptions) -> HeldOut:
    """The images that were given, without those that `side` was trained on.

    Raises:
        DataError: they cannot be used, or it was trained on all of them.
    """
    assert options.data is not None
    with counting("checking images", wanted=options.progress) as count:
        found = open_labelled(
            options.data,
            side.classes,
            training=None if side.run is None else training_of(side.run),
            skip_bad=options.skip_bad,
            workers=max(threads(options.workers), 1),
            cache=cache_at(None),
            recheck=options.recheck,
            progress=count,
        )
    return _opened(found.images, side, classes)


def _kept(side: Side, classes: Sequence[str]) -> HeldOut | None:
    """What is kept in a run of its held-out images; None where that is not of its weights."""
    assert side.run is not None
    found = side.run.predictions()
    if found is None or found.epoch != side.run.weights_epoch:
        return None
    return HeldOut(
        names=found.names,
        digests=list(found.digests),
        labels=places(side.classes, classes)[found.labels],
        probabilities=found.probabilities,
    )


def _opened(images: ImageSet, side: Side, classes: Sequence[str]) -> HeldOut:
    """`images`, labelled by the classes of `side`, for their probabilities to be computed."""
    return HeldOut(
        names=images.names,
        digests=list(images.digests),
        labels=places(side.classes, classes)[images.labels],
        images=images,
    )


def places(classes: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Where each of `classes` stands `among` the same ones in another order, (classes,)."""
    at = {name: place for place, name in enumerate(among)}
    return np.array([at[name] for name in classes], np.int64)


def common(held_out: Sequence[HeldOut], sides: Sequence[Side]) -> tuple[list[HeldOut], list[str]]:
    """The images that all have, in the order of the first, and notes on those that not all have.

    An image is the same where its content and its class are; one that is there several times is
    paired as often as all have it.

    Raises:
        RunError: there is none.
    """
    keys = [_keys(each) for each in held_out]
    shared = set(keys[0]).intersection(*keys[1:])
    if not shared:
        raise nothing_in_common(sides, [len(own) for own in keys])
    order = [key for key in keys[0] if key in shared]
    found = []
    for each, own in zip(held_out, keys, strict=True):
        at = {key: place for place, key in enumerate(own)}
        found.append(each.subset(np.array([at[key] for key in order], np.int64)))
    return found, left_out_by_some(sides, [len(own) for own in keys], len(order))


def nothing_in_common(sides: Sequence[Side], images: Sequence[int]) -> RunError:
    """What to say of `sides` with so many images each, of which none is held out by all."""
    counts = zip(sides, images, strict=True)
    return RunError(
        listing([f"{printable(side.name)} ({count:,})" for side, count in counts]),
        "have no held-out image in common",
        f"give images that none of them was trained on ({parameter('data')})",
    )


def left_out_by_some(sides: Sequence[Side], images: Sequence[int], common: int) -> list[str]:
    """Notes on those of `sides` that have more images than those that all have in `common`."""
    return [
        f"{count - common:,} of the {count:,} images of {printable(side.name)} are not held out by "
        "all, and left out"
        for side, count in zip(sides, images, strict=True)
        if count > common
    ]


def _keys(held_out: HeldOut) -> list[tuple[str, int, int]]:
    """Content, class, and how many of both came before, of each image."""
    seen: Counter[tuple[str, int]] = Counter()
    found = []
    for digest, label in zip(held_out.digests, held_out.labels.tolist(), strict=True):
        found.append((digest, label, seen[digest, label]))
        seen[digest, label] += 1
    return found
