"""Whether engines find in real photographs what PyTorch finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.data.decoding.decode import decode
from striate.deploy.detectors.graph import ROWS, Judging
from striate.detection.boxes import Boxes
from striate.detection.detector import Choice
from striate.detection.fitting import Placed
from striate.detection.pytorch import NetworkDetector, chosen
from striate.engines.graphs import Engine, Graph
from striate.errors import ExportError
from striate.support.words import plural

ENGINES: dict[Engine, str] = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
"""The engines that a file is verified in, and what people call them."""

TOLERANCE = 1e-4
"""Largest difference of a score between PyTorch and an engine, both in float32."""
PIXELS = 0.1
"""Largest difference of a side of a box that matters, in pixels of the network's input."""
MATTERS = 0.005
"""The score from which on the sides of a box are compared."""

_SAME = 1e-5
"""Largest difference between two graphs in one engine, which may fuse operators differently."""

Picture = tuple[str, NDArray[np.uint8]]
"""What a person calls it, and its pixels, uint8 (H, W, 3)."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well an exported file agrees with PyTorch.

    Attributes:
        pictures: how many were looked at.
        boxes: how many were found in them; without suppression, how many candidates there are.
        empty: pictures in which nothing was found.
        scores: by engine, the largest difference of a score, of every box of every head.
        pixels: by engine, the largest difference of a side, in pixels of the network's input, of
            boxes with a score of `MATTERS` or more.
    """

    pictures: int
    boxes: int
    empty: int
    scores: dict[str, float]
    pixels: dict[str, float]


def verify(
    content: bytes,
    with_rows: bytes,
    detector: NetworkDetector,
    judging: Judging,
    pictures: Sequence[Picture],
) -> Agreement:
    """Compare a file's answers, in each engine, with those of the detector that it is made of.

    Every decoded row is compared with PyTorch's, and the boxes that come out with those that NumPy
    chooses of the engine's own rows: of two boxes that share almost as much as the limit, the last
    digit of a sum decides.

    Args:
        content: the file.
        with_rows: the same with the decoded rows as a further output.
        detector: computes in PyTorch.
        judging: which boxes the file gives.
        pictures: to compare.

    Raises:
        ExportError: an engine is missing, fails, or differs by more than is allowed.
    """
    expected = [detector.rows(detector.prepare(image).values[None])[0] for _, image in pictures]
    scores, pixels = dict.fromkeys(ENGINES, 0.0), dict.fromkeys(ENGINES, 0.0)
    found = [0] * len(pictures)
    for engine, title in ENGINES.items():
        with Graph(with_rows, engine) as inner, Graph(content, engine) as outer:
            for number, (name, image) in enumerate(pictures):
                rows = inner.run({"image": image[None]})[ROWS][0]
                score, side = _compare(title, name, rows, expected[number], detector.fitting.size)
                scores[engine] = max(scores[engine], score)
                pixels[engine] = max(pixels[engine], side)
                given = outer.run({"image": image[None]})
                place = detector.prepare(image).place
                seen = _Seen(f"{title}, on {name}", rows, place, (image.shape[0], image.shape[1]))
                found[number] = _check_boxes(seen, given, judging)
    return Agreement(
        pictures=len(pictures),
        boxes=sum(found),
        empty=found.count(0),
        scores={str(engine): value for engine, value in scores.items()},
        pixels={str(engine): value for engine, value in pixels.items()},
    )


def _compare(
    title: str,
    name: str,
    rows: NDArray[np.float32],
    expected: NDArray[np.float32],
    size: tuple[int, int],
) -> tuple[float, float]:
    """The largest differences of a score and of a side.

    Raises:
        ExportError: one is too large, or is no number.
    """
    score = float(np.abs(rows[:, 4:] - expected[:, 4:]).max())
    matters = expected[:, 5:].max(axis=1) >= MATTERS
    inputs = np.array([size[1], size[0]] * 2)
    side = float((np.abs(rows - expected)[matters, :4] * inputs).max(initial=0))
    if not score <= TOLERANCE or not side <= PIXELS:  # NaN is no number that is less
        raise ExportError(
            "the exported graph",
            f"differs from PyTorch in {title} by {score:.1g} in a score and {side:.1g} pixels, on "
            f"{name}",
            "report it, with the weights",
        )
    return score, side


class _Seen(NamedTuple):
    """The decoded rows of one picture in one engine."""

    where: str
    rows: NDArray[np.float32]
    place: Placed
    size: tuple[int, int]


def _check_boxes(seen: _Seen, given: dict[str, NDArray[Any]], judging: Judging) -> int:
    """How many boxes there are, which are those that NumPy chooses of the rows.

    Raises:
        ExportError: they are others.
    """
    if judging.nms == "none":
        _check_raw(seen, given)
        return len(seen.rows)
    choice = Choice(judging.threshold, judging.nms, judging.iou)
    wanted = chosen(seen.rows, seen.place, seen.size, choice)
    boxes = Boxes(given["boxes"], given["scores"], given["classes"])
    same = len(boxes) == len(wanted) and bool(
        (boxes.classes == wanted.classes).all()
        and np.allclose(boxes.scores, wanted.scores, rtol=0, atol=_SAME)
        and np.allclose(boxes.xyxy, wanted.xyxy, rtol=0, atol=_SAME * max(seen.size) + 1e-3)
    )
    if not same:
        raise ExportError(
            "the exported graph",
            f"gives {plural(len(boxes), 'box', 'boxes')} where the detector gives {len(wanted)}, "
            f"or others, in {seen.where}",
            "report it, with the weights",
        )
    return len(boxes)


def _check_raw(seen: _Seen, given: dict[str, NDArray[Any]]) -> None:
    rows, (height, width) = seen.rows, seen.size
    half = rows[:, 2:4] / 2
    xyxy = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], 1)
    pixels = seen.place.of_picture(xyxy) * np.array([width, height] * 2, np.float32)
    if not (
        np.allclose(given["scores"], rows[:, 5:], rtol=0, atol=_SAME)
        and np.allclose(given["boxes"], pixels, rtol=_SAME, atol=_SAME * max(seen.size) + 1e-3)
    ):
        raise ExportError("the exported graph", f"gives other boxes than its rows, in {seen.where}")


def sample_pictures() -> list[Picture]:
    """Photographs that are at hand everywhere, whole and in parts, and one without anything.

    They are those of scikit-learn (a temple, a flower), 427 × 640, which is not loaded for them.
    """
    place = find_spec("sklearn")
    assert place is not None
    assert place.origin is not None  # Striate needs it
    folder = Path(place.origin).parent / "datasets" / "images"
    whole = [
        (f"scikit-learn's {name}", decode(folder / name)) for name in ("china.jpg", "flower.jpg")
    ]
    parts = [(f"a part of {name}", image[40:, 200:460].copy()) for name, image in whole]
    return [*whole, *parts, ("a grey picture", np.full((33, 57, 3), 127, np.uint8))]
