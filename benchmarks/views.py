"""Many views of one image beside the engine alone, in turns in one run.

    python benchmarks/views.py RUN FOLDER [--crops 144] [--images 8] [--pairs 3] [--workers 2]
        [--json FILE]

RUN is a run or an exported file, FOLDER holds photographs. In turn:

- the views of the photographs: read, decoded, cut, computed, averaged;
- the engine alone: as many images, from memory, in full batches.

The ratio of a pair is what decoding, cutting and averaging leave of the engine's rate, the
processors being shared by both: 1 where they cost nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

import striate
from striate.data.finding.inputs import items
from striate.engines.session import Pixels
from striate.inference.classifier import Classifier


def views_rate(classifier: Classifier, files: Sequence[str], workers: int) -> float:
    """Views a second of the `files`, from their bytes to the mean of their probabilities."""
    begin = time.perf_counter()
    found = sum(1 for each in classifier.predict(files, workers=workers) if not each.error)
    seconds = time.perf_counter() - begin
    return found * classifier.views.count(classifier.preprocessing) / seconds


def engine_rate(classifier: Classifier, total: int) -> float:
    """Images a second of the engine, of random pixels in full batches."""
    channels, height, width = classifier.input
    size = classifier.batch_size
    pixels = np.random.default_rng(0).integers(0, 256, (size, height, width, channels), np.uint8)

    def batches() -> Iterator[Pixels]:
        for done in range(0, total, size):
            yield pixels[: min(size, total - done)]

    begin = time.perf_counter()
    for _ in classifier.session.run(batches()):
        pass
    return total / (time.perf_counter() - begin)


def measure(
    run: Path, folder: Path, *, crops: str, images: int, pairs: int, workers: int
) -> dict[str, Any]:
    """Rates of `pairs` pairs, and the median of their ratios."""
    listed = [item.name for item in items(folder)]
    files = list(islice(cycle(listed), images))
    with striate.open_classifier(run, crops=crops) as classifier:  # type: ignore[arg-type]
        views = classifier.views.count(classifier.preprocessing)
        engine_rate(classifier, classifier.batch_size)  # what is compiled or allocated once
        found = []
        for number in range(pairs):
            sides = [
                lambda: views_rate(classifier, files, workers),
                lambda: engine_rate(classifier, images * views),
            ]
            # Each goes first in every other pair.
            rates = [side() for side in (sides if number % 2 else sides[::-1])]
            own, engine = rates if number % 2 else rates[::-1]
            found.append({"views": own, "engine": engine, "ratio": own / engine})
        return {
            "run": str(run),
            "engine": classifier.session.name,
            "crops": crops,
            "images": images,
            "views": views,
            "pairs": found,
            "ratio": statistics.median(pair["ratio"] for pair in found),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crops", default="144")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    found = measure(
        given.run,
        given.folder,
        crops=given.crops,
        images=given.images,
        pairs=given.pairs,
        workers=given.workers,
    )
    print(f"{found['views']} views of {found['images']} photographs, {found['engine']}")
    for pair in found["pairs"]:
        print(
            f"views {pair['views']:8.1f} a second, engine {pair['engine']:8.1f}: "
            f"{pair['ratio']:.3f}"
        )
    print(f"median of the ratios: {found['ratio']:.3f}")
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
