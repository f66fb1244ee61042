"""A run measured on its own held-out images: what training ends with and ``evaluate`` repeats."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from striate.console import counting
from striate.errors import RunError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from striate.data.sources import Data
    from striate.evaluation.metrics import Evaluation
    from striate.runs.run import Run


def threads(workers: int | None) -> int:
    """Threads that prepare images: as told, else one a processor, at most four."""
    return min(os.cpu_count() or 1, 4) if workers is None else workers


def own_data(run: Run, *, workers: int | None, progress: bool = False) -> Data:
    """The images that `run` was made with, after checking that they are still the same.

    Raises
    ------
    DataError: they are gone or cannot be read.
    RunError: they are not what they were.
    """
    from striate.data.sources import open_data

    origin = run.config.data
    with counting("checking images", wanted=progress) as count:
        data = open_data(
            origin.origin,
            seed=run.config.seed,
            val_fraction=origin.val_fraction,
            skip_bad=origin.skipped > 0,
            workers=threads(workers),
            progress=count,
        )
    if data.fingerprint != origin.fingerprint:
        raise RunError(
            str(run.path),
            f"was trained on other images than those now in {data.origin}",
            "give the images to evaluate on: striate evaluate RUN DATA",
        )
    return data


def evaluate_own(
    run: Run, data: Data, *, workers: int | None, progress: bool = False
) -> Evaluation:
    """Measure `run` on the test images of `data`, or the validation images where there are none.

    The figures are kept in the run, and its report is made anew.
    """
    from striate.data.check import summary
    from striate.evaluation.metrics import measure
    from striate.evaluation.predict import probabilities
    from striate.report.build import write_report
    from striate.runs import run as names
    from striate.runs.files import write_atomically

    network = run.network()
    images = data.val if data.test is None else data.test
    with counting("evaluating images", wanted=progress) as count:
        found = probabilities(
            network, images, run.preprocessing, workers=threads(workers), progress=count
        )
    evaluation = measure(found, images.labels, run.classes)
    write_atomically(
        run.path / names.EVALUATION, json.dumps(evaluation.to_json(), indent=1).encode()
    )
    write_report(run, data, evaluation, found, summary(data))
    return evaluation


def samples(run: Run, count: int) -> list[NDArray[np.uint8]]:
    """Up to `count` validation images, evenly over the set, as they are in their files."""
    import numpy as np

    data = own_data(run, workers=None)
    chosen = np.linspace(0, len(data.val) - 1, min(count, len(data.val))).astype(int)
    return [data.val.read(int(index), run.preprocessing.channels) for index in chosen]
