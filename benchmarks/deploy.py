"""One photograph from file to answer: an exported file cut at its seam against the same file whole.

    python benchmarks/deploy.py photos.onnx holiday.jpg large.jpg

Prints, for each photograph, processor and wall milliseconds of each way (medians of rounds that
take turns), their ratios to the whole file, and the largest difference of a probability. Whole
means that decoded pixels go into the file as any program would feed it; reduced is cut, with
``--reduced-decoding``. All ways use ONNX Runtime with one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding.decode import decode
from striate.inference.classifier import Classifier


def whole(file: Path) -> Callable[[Path], NDArray[Any]]:
    """The file as a stranger uses it: Pillow decodes, the graph does everything else."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def answer(photograph: Path) -> NDArray[Any]:
        image = np.asarray(Image.open(photograph).convert("RGB"))
        found: NDArray[Any] = session.run(None, {name: image[None]})[0]
        return found

    return answer


def measure(file: Path, photograph: Path, pairs: int) -> dict[str, Any]:
    """Medians of `pairs` of both ways, which take turns."""
    with (
        Classifier.of_file(file, streams=1) as classifier,
        Classifier.of_file(file, streams=1, reduced_decoding=True) as reduced,
    ):
        ways = {
            "whole": whole(file),
            "cut": lambda path: classifier.probabilities(path, workers=0),
            "reduced": lambda path: reduced.probabilities(path, workers=0),
        }
        answers = {name: way(photograph) for name, way in ways.items()}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(pairs):
            for name, way in ways.items():
                begun = time.process_time(), time.perf_counter()
                way(photograph)
                taken[name].append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
    height, width = decode(photograph).shape[:2]
    processor = {name: [each[0] for each in times] for name, times in taken.items()}
    ratios = {
        name: statistics.median(
            a / b for a, b in zip(processor[name], processor["whole"], strict=True)
        )
        for name in ("cut", "reduced")
    }
    return {
        "photograph": photograph.name,
        "size": f"{width}x{height}",
        **{f"{name}_ms": 1000 * statistics.median(times) for name, times in processor.items()},
        **{
            f"{name}_wall_ms": 1000 * statistics.median(each[1] for each in times)
            for name, times in taken.items()
        },
        "ratio": ratios["cut"],
        "difference": float(np.abs(answers["whole"] - answers["cut"]).max()),
        "reduced_ratio": ratios["reduced"],
        "reduced_difference": float(np.abs(answers["whole"] - answers["reduced"]).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="an exported file")
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    for photograph in given.photographs:
        print(json.dumps(measure(given.file, photograph, given.pairs)), flush=True)


if __name__ == "__main__":
    main()
