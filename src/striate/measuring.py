"""A run measured on its own held-out images: what training ends with and ``evaluate`` repeats."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from striate.errors import Interrupted, RunError
from striate.support import settings
from striate.support.files import FULL
from striate.support.progress import counting

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from striate.data.sources import Data
    from striate.evaluation.metrics import Evaluation
    from striate.runs.run import Run
    from striate.transferring.options import Transfer
    from striate.transferring.result import TransferResult

#: A few validation images, kept in the run so that an export can be verified wherever the run is.
SAMPLES = "samples.safetensors"
SAMPLED = 16
LARGEST_SAMPLE = 512


def own_data(run: Run, *, workers: int | None, progress: bool = False) -> Data:
    """The images that `run` was made with, after checking that they are still the same.

    Raises
    ------
    DataError: they are gone or cannot be read.
    RunError: they are not what they were.
    """
    from striate.data.scan import threads
    from striate.data.sources import open_data

    origin = run.config.data
    if not origin.origin:
        raise RunError(
            str(run.path),
            "has no images of its own",
            "give the images to evaluate on: striate evaluate RUN DATA",
        )
    with counting("checking images", wanted=progress) as count:
        data = open_data(
            origin.origin,
            seed=run.config.seed,
            val_fraction=origin.val_fraction,
            skip_bad=origin.skipped > 0,
            workers=max(threads(workers), 1),
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
    run: Run,
    data: Data,
    *,
    workers: int | None,
    progress: bool = False,
    found: NDArray[np.float32] | None = None,
) -> Evaluation:
    """Measure `run` on the test images of `data`, or the validation images where there are none.

    The figures are kept in the run, and its report is made anew. `found` are the probabilities of
    these images, (images, classes), where they are known already.
    """
    from striate.data.check import summary
    from striate.data.scan import threads
    from striate.evaluation.metrics import measure
    from striate.evaluation.predict import probabilities
    from striate.report.build import write_report
    from striate.runs import run as names
    from striate.support.files import write_atomically

    images = data.val if data.test is None else data.test
    if found is None:
        # Sums in another order end in other last digits: the run's own threads repeat them.
        network = run.network()
        with (
            settings.threads(run.config.threads),
            counting("evaluating images", wanted=progress) as count,
        ):
            found = probabilities(
                network, images, run.preprocessing, workers=threads(workers), progress=count
            )
    evaluation = measure(found, images.labels, run.classes)
    write_atomically(
        run.path / names.EVALUATION, json.dumps(evaluation.to_json(), indent=1).encode()
    )
    _keep_samples(run, data)
    write_report(run, data, evaluation, found, summary(data, statistics=not run.config.transfer))
    return evaluation


def _keep_samples(run: Run, data: Data) -> None:
    """Keep a few validation images in the run, so that it can be exported anywhere."""
    import numpy as np
    from PIL import Image
    from safetensors.numpy import save

    from striate.support.files import write_atomically

    chosen = np.linspace(0, len(data.val) - 1, min(SAMPLED, len(data.val))).astype(int)
    kept = {}
    for number, index in enumerate(chosen.tolist()):
        picture = Image.fromarray(data.val.read(index, 3))
        picture.thumbnail((LARGEST_SAMPLE, LARGEST_SAMPLE))
        kept[f"{number:02}"] = np.asarray(picture)
    write_atomically(run.path / SAMPLES, save(kept))


def samples(run: Run) -> list[NDArray[np.uint8]]:
    """Real validation images, uint8 (H, W, channels), that an exported file is verified on.

    Raises
    ------
    RunError: the run has none, since its training never came to its end.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from striate.data.preprocessing import with_channels

    path = run.path / SAMPLES
    try:
        kept = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise RunError(
            str(path), "is missing or damaged", f"make it anew: striate evaluate {run.path}"
        ) from error
    return [with_channels(kept[name], run.preprocessing.channels) for name in sorted(kept)]


def finish_transfer(
    made: Transfer, *, export: bool, workers: int | None, progress: bool = False
) -> TransferResult:
    """Evaluate, report and, where wanted, export a run that `striate.transferring` has written.

    Where the backbone was frozen, the figures come from the features that were computed already.
    """
    from striate.transferring.result import TransferResult

    run = made.run
    try:
        evaluation = evaluate_own(
            run, made.data, workers=workers, progress=progress, found=made.probabilities
        )
        file = _exported(run) if export else None
    except KeyboardInterrupt as stop:
        way_on = shlex.quote(str(run.path))
        raise Interrupted(
            f"at the end; the run is whole: striate evaluate {way_on}, striate export {way_on}"
        ) from stop
    except RunError as error:
        if error.why != FULL:
            raise
        way_on = shlex.quote(str(run.path))
        remedy = f"free some space; the run is whole: striate evaluate {way_on}"
        raise RunError(error.what, FULL, remedy) from error
    return TransferResult.of(made, evaluation, file)


def _exported(run: Run) -> Path:
    """The ONNX file of `run`, captured in the quickest way that proves to be right.

    A trace takes a tenth of the time that torch.export does. What it may get wrong, a decision that
    hangs on the size of an image, is found when the file is verified: on half of the kept images,
    which differ in size, since every size costs the engines as much as another compilation.
    """
    from striate.deploy.export import export_run
    from striate.errors import ExportError

    target, images = run.path / f"{run.config.stem}.onnx", samples(run)[::2]
    try:
        return export_run(run, target, images, capture="trace").file
    except ExportError:
        return export_run(run, target, images).file
