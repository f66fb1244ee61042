"""What engines other than PyTorch make of an exported file, and whether it is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.engines.choosing import ENGINES, open_graph
from striate.engines.session import Feed, Pixels, as_it_is
from striate.errors import ExportError, parameter

TOLERANCE = 1e-4
"""Largest difference of a probability between PyTorch and an engine, both in float32, for the same
pixels."""
CLEAR_MARGIN = 0.02
"""Two probabilities this far apart may not change places when the resize rounds differently."""
VALUE_TOLERANCE = 1e-3
"""Largest difference of a value between PyTorch and an engine, both in float32, for the same
pixels: in deviations, the standard deviation of its target among the training images."""
VALUE_MARGIN = 0.02
"""Likewise, where the resize rounds differently."""
PIXEL_LEVELS = 2
"""Largest difference of a pre-processed pixel, of 255, between the graph and Pillow: there is none
but where evaluation resizes the crop alone (see `Preprocessing.fit_image`)."""
HEAT_MAP_TOLERANCE = 1e-3
"""Largest difference of a heat map, as a part of the largest number in any. Of the thousands of
units of a dense layer one may lie so near to 0 that engines disagree whether it is active."""

VERIFIED_IN = ("onnxruntime", "openvino")
"""Engines that an exported file is verified in."""

Rows: TypeAlias = Sequence[NDArray[Any]]
"""Answers, (N, K), to each of several images or batches of images."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Yardstick:
    """In what differences of answers are measured.

    Attributes:
        what: what one of the answers is, with its article.
        unit: of each answer, (K,) or one for all.
        of: what `unit` is called behind a number, with a space before it; empty for plain numbers.
        tolerance: the largest difference for the same pixels, in `unit`.
    """

    what: str
    unit: NDArray[np.float64]
    of: str
    tolerance: float

    def difference(self, one: NDArray[Any], other: NDArray[Any]) -> float:
        """The largest absolute difference, in `unit`.

        Infinite where shapes differ or a number is not finite.
        """
        if one.shape != other.shape:
            return float("inf")
        gap = np.abs(one.astype(np.float64) - other.astype(np.float64)) / self.unit
        return float(gap.max(initial=0.0)) if np.isfinite(gap).all() else float("inf")


PROBABILITIES = Yardstick(what="a probability", unit=np.ones(()), of="", tolerance=TOLERANCE)
"""Plain differences of probabilities."""


def in_deviations(deviations: NDArray[np.float64]) -> Yardstick:
    """Differences of values, in the standard deviations (targets,) of their targets."""
    return Yardstick(what="a value", unit=deviations, of=" deviations", tolerance=VALUE_TOLERANCE)


def run_in(
    engine: str,
    graph: bytes,
    batches: Sequence[Pixels],
    *,
    feed: Feed = as_it_is,
    weights: Mapping[str, NDArray[Any]] | None = None,
) -> list[NDArray[Any]]:
    """The first output of a serialised graph for each batch, computed in float32.

    Args:
        engine: a name of `VERIFIED_IN`.
        graph: an ONNX model.
        batches: what the graph takes, uint8, mostly (n, height, width, channels), each of any n,
            and of any size that the graph takes.
        feed: makes of a batch what the graph takes.
        weights: further inputs by name, where the graph's weights are inputs.

    Raises:
        ExportError: the engine cannot run the graph, or is missing.
    """
    most = max(map(len, batches), default=1)
    try:
        with open_graph(graph, engine, feed=feed, weights=weights, batch_size=most) as session:
            return list(session.run(batches))
    except ExportError as error:
        if error.what != ENGINES[engine]:
            raise
        why = f"{error.what} {error.why}"
        raise ExportError("the exported graph", why, "another way to capture may do") from error


def check_network(
    engine: str,
    names: Sequence[str],
    answers: Rows,
    expected: Rows,
    yardstick: Yardstick = PROBABILITIES,
) -> float:
    """The largest difference of an answer between `engine` and PyTorch for the same pixels.

    Args:
        engine: which gave the `answers`.
        names: what a person calls each image or batch of images.
        answers: (N, K) for each.
        expected: PyTorch's.
        yardstick: in what they are measured.

    Raises:
        ExportError: a difference exceeds the tolerance; the message says how large it is, on which
            image and in which engine.
    """
    differences = list(map(yardstick.difference, answers, expected))
    worst = max(range(len(names)), key=differences.__getitem__)
    if not differences[worst] <= yardstick.tolerance:
        raise ExportError(
            "the exported graph",
            f"{ENGINES[engine]} differs from PyTorch by {differences[worst]:.3g}{yardstick.of} in "
            f"{yardstick.what} on {names[worst]} (allowed: {yardstick.tolerance:g})",
            "no file was written",
        )
    return differences[worst]


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Largest absolute difference; infinite where shapes differ or a number is not finite."""
    return PROBABILITIES.difference(one, other)


def check_pixels(
    engine: str, names: Sequence[str], ours: Sequence[Any], theirs: Sequence[Any]
) -> float:
    """The largest difference between the graph's pixels and evaluation's, in levels of 255.

    Args:
        engine: in which the graph made them.
        names: what a person calls each image.
        ours: the graph's, of each image.
        theirs: Pillow's, of the same shapes.

    Raises:
        ExportError: one differs by more than `PIXEL_LEVELS`.
    """
    levels = [difference(one, other) for one, other in zip(ours, theirs, strict=True)]
    worst = max(range(len(names)), key=levels.__getitem__)
    if not levels[worst] <= PIXEL_LEVELS:
        raise ExportError(
            "the exported pre-processing",
            f"{ENGINES[engine]} differs from Pillow, which evaluation uses, by "
            f"{levels[worst]:g} of 255 levels on {names[worst]} (allowed: {PIXEL_LEVELS})",
            "no file was written",
        )
    return levels[worst]


def check_seam(
    engine: str,
    names: Sequence[str],
    whole: Rows,
    halves: Rows,
    yardstick: Yardstick = PROBABILITIES,
) -> float:
    """The largest difference of an answer between a file whole and cut at its seam.

    Args:
        engine: in which both were computed.
        names: what a person calls each image or batch of images.
        whole: (N, K) for each.
        halves: of what is behind the seam, given what is before it.
        yardstick: in what they are measured.

    Raises:
        ExportError: one exceeds the tolerance.
    """
    differences = list(map(yardstick.difference, whole, halves))
    worst = max(range(len(names)), key=differences.__getitem__)
    if not differences[worst] <= yardstick.tolerance:
        raise ExportError(
            "the exported graph",
            f"{ENGINES[engine]} differs by {differences[worst]:.3g}{yardstick.of} in "
            f"{yardstick.what} on {names[worst]} where the graph is cut between pre-processing and "
            f"network (allowed: {yardstick.tolerance:g})",
            "no file was written",
        )
    return differences[worst]


def check_heat_maps(
    engine: str,
    names: Sequence[str],
    maps: Sequence[NDArray[Any]],
    expected: Sequence[NDArray[Any]],
) -> float:
    """The largest difference of a heat map, as a part of the largest number in any of them.

    Args:
        engine: which gave the `maps`.
        names: what a person calls each image or batch of images.
        maps: (N, height, width) for each.
        expected: those by PyTorch's gradients.

    Raises:
        ExportError: one exceeds `HEAT_MAP_TOLERANCE`.
    """
    largest = max(float(np.abs(each).max(initial=0.0)) for each in expected) or 1.0
    differences = [difference(*pair) / largest for pair in zip(maps, expected, strict=True)]
    worst = max(range(len(names)), key=differences.__getitem__)
    if not differences[worst] <= HEAT_MAP_TOLERANCE:
        raise ExportError(
            "the exported graph",
            f"{ENGINES[engine]} differs from PyTorch by {differences[worst]:.3g} of the largest "
            f"number in a heat map on {names[worst]} (allowed: {HEAT_MAP_TOLERANCE:g})",
            f"no file was written; leave {parameter('cam')} out",
        )
    return differences[worst]


def check_classes(
    engine: str,
    names: Sequence[str],
    answers: Rows,
    evaluated: Rows,
) -> None:
    """See to it that the file predicts the class that evaluation's own pipeline predicts.

    Args:
        engine: in which the file gave the `answers`.
        names: what a person calls each image or batch of images.
        answers: probabilities, (N, classes) for each.
        evaluated: those of evaluation.

    Raises:
        ExportError: the most probable class differs where it was clear.
    """
    for name, one, other in zip(names, answers, evaluated, strict=True):
        for answer, right in zip(one, other, strict=True):
            winner = int(np.argmax(answer))
            if right.max() - right[winner] > CLEAR_MARGIN:
                raise ExportError(
                    "the exported graph",
                    f"{ENGINES[engine]} predicts class {winner} on {name} where evaluation "
                    f"predicts class {int(np.argmax(right))}",
                    "no file was written",
                )


def check_values(
    engine: str, names: Sequence[str], answers: Rows, evaluated: Rows, yardstick: Yardstick
) -> None:
    """See to it that the file predicts nearly the values that evaluation's own pipeline predicts.

    Args:
        engine: in which the file gave the `answers`.
        names: what a person calls each image or batch of images.
        answers: values, (N, targets) for each.
        evaluated: those of evaluation.
        yardstick: in what they are measured.

    Raises:
        ExportError: one differs by more than `VALUE_MARGIN`.
    """
    for name, one, other in zip(names, answers, evaluated, strict=True):
        found = yardstick.difference(one, other)
        if not found <= VALUE_MARGIN:
            raise ExportError(
                "the exported graph",
                f"{ENGINES[engine]} predicts {yardstick.what} on {name} that is {found:.3g}"
                f"{yardstick.of} from evaluation's (allowed: {VALUE_MARGIN:g})",
                "no file was written",
            )
