"""What engines other than PyTorch make of an exported file, and whether it is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from striate.errors import ExportError

Feed: TypeAlias = Mapping[str, NDArray[Any]]
Engine: TypeAlias = Callable[[Path, Sequence[Feed]], list[NDArray[np.float32]]]

TOLERANCE = 1e-4
"""Largest difference of a probability between PyTorch and an engine, both in float32."""
CLEAR_MARGIN = 0.02
"""Two probabilities this far apart may not change places when the resize rounds differently."""
PIXEL_LEVELS = 2
"""Largest difference of a pre-processed pixel, of 255, between the graph and Pillow."""


def need(module: str) -> ModuleType:
    """Import `module`, one of those that only exporting needs.

    Raises
    ------
    ExportError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExportError(
            f"the package {module}",
            f"is needed to export and verify, and cannot be imported ({error})",
            "install it with `pip install 'striate[export]'`",
        ) from error


def run_onnxruntime(path: Path, feeds: Sequence[Feed]) -> list[NDArray[np.float32]]:
    """The first output of the file at `path` for each of `feeds`, by ONNX Runtime on the CPU."""
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [np.asarray(session.run(None, dict(feed))[0]) for feed in feeds]


def run_openvino(path: Path, feeds: Sequence[Feed]) -> list[NDArray[np.float32]]:
    """The first output of the file at `path` for each of `feeds`, by OpenVINO on the CPU.

    In float32: on processors that have bfloat16 it would otherwise use that, and differ by per
    cents. The runtime reads the file itself; OpenVINO's converter, which reports its use to its
    makers, is not called.
    """
    openvino = need("openvino")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return [np.array(request.infer(dict(feed))[0]) for feed in feeds]


ENGINES: Mapping[str, Engine] = {"onnxruntime": run_onnxruntime, "openvino": run_openvino}
ENGINE_TITLES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to run: what goes in, what must come out, and what a person calls it."""

    name: str
    feed: Feed
    expected: NDArray[np.float32]
    """Probabilities (batch, classes) that PyTorch gives."""


def compare(path: Path, engine: str, cases: Sequence[Case]) -> float:
    """The largest difference between `engine` and what is expected, over all cases.

    Raises
    ------
    ExportError: the engine cannot run the file, or a difference exceeds `TOLERANCE`; the message
        says how large it is, on which image and in which engine.
    """
    title = ENGINE_TITLES[engine]
    try:
        answers = ENGINES[engine](path, [case.feed for case in cases])
    except ExportError:
        raise
    except Exception as error:  # an engine has no error family of its own
        why = f"{title} cannot run it ({brief(error)})"
        raise ExportError("the exported graph", why) from error
    differences = [
        difference(answer, case.expected) for case, answer in zip(cases, answers, strict=True)
    ]
    worst = max(range(len(cases)), key=differences.__getitem__)
    if not differences[worst] <= TOLERANCE:
        raise ExportError(
            "the exported graph",
            f"{title} differs from PyTorch by {differences[worst]:.3g} in a probability on "
            f"{cases[worst].name} (allowed: {TOLERANCE:g})",
            "no file was written",
        )
    return differences[worst]


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Largest absolute difference; infinite where shapes differ or a number is not finite."""
    if one.shape != other.shape:
        return float("inf")
    gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return float(gap.max(initial=0.0)) if np.isfinite(gap).all() else float("inf")


def check_pipeline(
    names: Sequence[str],
    pixels: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    probabilities: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[float, float]:
    """Compare the graph's pre-processing with the one that evaluation used.

    Parameters
    ----------
    names: what a person calls each image.
    pixels: for each image, the graph's and Pillow's pre-processed levels, of one shape.
    probabilities: for each image, (classes,) after the graph's and after Pillow's pre-processing.

    Returns
    -------
    The largest difference in a pixel (levels of 255) and in a probability.

    Raises
    ------
    ExportError: a pixel differs by more than `PIXEL_LEVELS`, or the most probable class differs
        where it was clear.
    """
    levels = [difference(ours, theirs) for ours, theirs in pixels]
    worst = max(range(len(names)), key=levels.__getitem__)
    if not levels[worst] <= PIXEL_LEVELS:
        raise ExportError(
            "the exported pre-processing",
            f"differs from the one that evaluation uses by {levels[worst]:g} of 255 levels on "
            f"{names[worst]} (allowed: {PIXEL_LEVELS})",
            "no file was written",
        )
    for name, (ours, theirs) in zip(names, probabilities, strict=True):
        winner = int(np.argmax(ours))
        if winner != int(np.argmax(theirs)) and theirs.max() - theirs[winner] > CLEAR_MARGIN:
            raise ExportError(
                "the exported graph",
                f"predicts class {winner} on {name} where evaluation predicts class "
                f"{int(np.argmax(theirs))}",
                "no file was written",
            )
    return levels[worst], max(difference(ours, theirs) for ours, theirs in probabilities)


def brief(error: BaseException) -> str:
    """The first line of an engine's message, of at most 200 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
