"""A run measured on its own held-out images: what training ends with and ``evaluate`` repeats."""

from __future__ import annotations

import json
import shlex
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from striate.errors import DataError, Interrupted, RunError
from striate.support import settings
from striate.support.files import WriteError
from striate.support.paths import shown
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from striate.data.images import ImageSet
    from striate.data.sources import Data
    from striate.evaluation.metrics import Evaluation
    from striate.runs.run import Run
    from striate.transfer_learning.options import Transfer
    from striate.transfer_learning.result import TransferResult

#: How many validation images are kept in a run.
SAMPLED = 16


def own_data(
    run: Run, *, skip_bad: bool = False, workers: int | None, progress: bool = False
) -> Data:
    """The images that `run` was made with, whatever they are called now.

    Files that cannot be used are left out (`skip_bad`) where the run was made without such files,
    and where its own list tells that they are none of its images.

    Raises:
        DataError: they are no longer where they were, or cannot be read.
        RunError: some of them are gone.
    """
    from striate.data.scan import threads
    from striate.data.sources import open_data
    from striate.runs.images import images_of

    origin, manifest = run.config.data, images_of(run)
    origin_of(run)
    try:
        with counting("checking images", wanted=progress) as count:
            data = open_data(
                origin.origin,
                seed=run.config.seed,
                val_fraction=origin.val_fraction,
                skip_bad=skip_bad or origin.skipped > 0,
                workers=max(threads(workers), 1),
                manifest=manifest,
                progress=count,
            )
        if not data.is_of(origin.fingerprint):
            raise RunError(printable(data.origin), "holds other images than it was made with")
    except (DataError, RunError) as error:
        raise (RunError if isinstance(error, RunError) else DataError)(
            shown(run.path),
            f"cannot be measured on its own images: {error.what}: {error.why}{_last_time(run)}",
            "give the place where they are now, or other images, to measure on",
        ) from error
    return data


def origin_of(run: Run) -> str:
    """Where the images lie that `run` was made with.

    Raises:
        RunError: it was made of published weights, without any images.
    """
    if not run.config.data.origin:
        raise RunError(shown(run.path), "has no images of its own", "give images to measure on")
    return run.config.data.origin


def told_of(data: Data) -> dict[str, Any]:
    """What an evaluation on a run's own images says besides its figures, as `evaluate_on` does."""
    from striate.data.labelled import measured_on

    given = data.held_out_name != "split"
    split = "test" if data.test is not None else data.held_out_name
    return {
        "left_out": 0 if given else len(data.train),
        "skipped": tuple((problem.name, problem.reason) for problem in data.skipped),
        "notes": (*data.notes, *([measured_on(split)] if given else [])),
    }


def _last_time(run: Run) -> str:
    """What was found when the run was last measured on its own images."""
    with suppress(RunError, LookupError, TypeError, ValueError):
        known = run.evaluation
        if known is not None:
            top1, images = float(known["top1"]), int(known["images"])
            return f" (last time, top-1 was {top1:.2%} of {images:,} images)"
    return ""


def evaluate_on(
    run: Run,
    data: str | Path,
    *,
    all_images: bool = False,
    skip_bad: bool = False,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
) -> Evaluation:
    """Measure `run` on the images in `data` that it was not trained on, or on `all_images`.

    Nothing is written. Of a run that was trained without the files that cannot be used (`skip_bad`)
    they are left out here, too.
    """
    from striate.data.labelled import Training, open_labelled
    from striate.data.scan import threads
    from striate.engines.precision import choose_device
    from striate.evaluation.metrics import measure
    from striate.runs.images import images_of

    origin = run.config.data
    training = None
    if origin.origin:  # not of a run that was made of published weights as they are
        training = Training(
            manifest=images_of(run),
            fingerprint=origin.fingerprint,
            seed=run.config.seed,
            val_fraction=origin.val_fraction,
            held_out=origin.held_out,
        )
    where = choose_device(device)
    with counting("checking images", wanted=progress) as count:
        found = open_labelled(
            data,
            run.classes,
            training=training,
            all_images=all_images,
            skip_bad=skip_bad or origin.skipped > 0,
            workers=max(threads(workers), 1),
            progress=count,
        )
    shares = _shares(run, found.images, workers=workers, where=where, progress=progress)
    return replace(
        measure(shares, found.images.labels, run.classes),
        left_out=found.left_out,
        skipped=tuple((problem.name, problem.reason) for problem in found.skipped),
        notes=(*run.notes, *found.notes),
    )


def evaluate_own(
    run: Run,
    data: Data,
    *,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
    found: NDArray[np.float32] | None = None,
) -> Evaluation:
    """Measure `run` on the test images of `data`, or the validation images where there are none.

    The figures are kept in the run, whose folder the caller holds, and its report is made anew.
    `found` are the probabilities of these images, (images, classes), where they are known already.

    Raises:
        WriteError: they cannot be kept.
    """
    evaluation, found = _measured(
        run, data, workers=workers, device=device, progress=progress, found=found
    )
    _keep(run, data, evaluation, found)
    return evaluation


def evaluate_again(
    run: Run,
    *,
    skip_bad: bool = False,
    workers: int | None,
    device: str = "cpu",
    progress: bool = False,
) -> Evaluation:
    """Measure `run` anew on its own held-out images; a run that may only be read is measured too.

    The figures are kept in the run where that is possible; a note says where it is not.

    Raises:
        RunError: another process is writing into the run; its images are not what they were.
    """
    from striate.runs.claim import hold

    held, unkept = None, ""
    try:
        held = hold(
            run.path, otherwise="wait until it has ended, or give other images to measure on"
        )
    except WriteError as error:
        unkept = f"{error.what} {error.why}"
    with held or nullcontext():
        data = own_data(run, skip_bad=skip_bad, workers=workers, progress=progress)
        evaluation, found = _measured(run, data, workers=workers, device=device, progress=progress)
        if held is not None:
            try:
                _keep(run, data, evaluation, found)
            except (WriteError, DataError) as error:  # an image may have gone since
                unkept = f"{error.what} {error.why}"
    told = told_of(data)
    notes = [f"the figures could not be kept in the run: {unkept}"] if unkept else []
    return replace(evaluation, **{**told, "notes": (*run.notes, *told["notes"], *notes)})


def _measured(
    run: Run,
    data: Data,
    *,
    workers: int | None,
    device: str,
    progress: bool,
    found: NDArray[np.float32] | None = None,
) -> tuple[Evaluation, NDArray[np.float32]]:
    """The figures of `run` on the images of `data` that are held out, and the probabilities."""
    from striate.engines.precision import choose_device
    from striate.evaluation.metrics import measure

    images = data.val if data.test is None else data.test
    if found is None:
        # Sums in another order end in other last digits: the run's own threads repeat them.
        with settings.threads(run.config.threads):
            found = _shares(
                run, images, workers=workers, where=choose_device(device), progress=progress
            )
    return measure(found, images.labels, run.classes), found


def _shares(
    run: Run, images: ImageSet, *, workers: int | None, where: torch.device, progress: bool
) -> NDArray[np.float32]:
    """The probabilities, (images, classes), that `run` gives to `images`, in float32."""
    from striate.data.scan import threads
    from striate.inference.predict import probabilities
    from striate.transfer_learning import held_out

    with counting("evaluating images", wanted=progress) as count:
        if run.config.transfer is not None and where.type == "cpu":
            found = held_out.probabilities(run, images, workers=threads(workers), progress=count)
            if found is not None:
                return found
        return probabilities(
            run.network(),
            images,
            run.preprocessing,
            workers=threads(workers),
            device=where,
            progress=count,
        )


def _keep(run: Run, data: Data, evaluation: Evaluation, found: NDArray[np.float32]) -> None:
    """Write the figures, the pictures behind them and the report into the run."""
    import numpy as np
    from PIL import Image

    from striate.data.checking.check import summary
    from striate.report.build import write_report
    from striate.runs import run as names
    from striate.runs.images import keep_images
    from striate.runs.samples import keep_samples
    from striate.support.files import write_atomically

    content = json.dumps(evaluation.to_json(), indent=1).encode()
    write_atomically(run.path / names.EVALUATION, content)
    chosen = np.linspace(0, len(data.val) - 1, min(SAMPLED, len(data.val))).astype(int)
    pictures = (Image.fromarray(data.val.read(index, 3)) for index in chosen.tolist())
    keep_samples(run.path, pictures, [data.val.names[index] for index in chosen.tolist()])
    if not (run.path / names.IMAGES).exists():  # a run from before there was a list of its images
        keep_images(run.path, replace(data, fingerprint=run.config.data.fingerprint))
    write_report(run, data, evaluation, found, summary(data, statistics=not run.config.transfer))


def finish_transfer(
    made: Transfer, *, export: bool, workers: int | None, progress: bool = False
) -> TransferResult:
    """Evaluate, report and, where wanted, export a run that a transfer has written.

    Where the backbone was frozen, the figures come from the features that were computed already.
    An export that fails leaves a whole run, and the result says why it failed.
    """
    from striate.errors import ExportError
    from striate.transfer_learning.result import TransferResult

    run, file, problem = made.run, None, ""
    try:
        with made.held or nullcontext():
            evaluation = evaluate_own(
                run,
                made.data,
                workers=workers,
                device=run.config.device,
                progress=progress,
                found=made.probabilities,
            )
            try:
                file = _exported(run) if export else None
            except ExportError as error:
                problem = f"{error.what}: {error.why}"
    except KeyboardInterrupt as stop:
        way_on = shlex.quote(str(run.path))
        raise Interrupted(
            f"at the end; the run is whole: striate evaluate {way_on}, striate export {way_on}"
        ) from stop
    except WriteError as error:
        way_on = shlex.quote(str(run.path))
        remedy = f"{error.remedy}; the run is whole: striate evaluate {way_on}"
        raise WriteError(error.what, error.why, remedy) from error
    return TransferResult.of(made, evaluation, file, problem)


def _exported(run: Run) -> Path:
    """The ONNX file of `run`, captured in the quickest way that proves to be right.

    A trace takes a tenth of the time that torch.export does. What it may get wrong, a decision that
    hangs on the size of an image, is found when the file is verified: on half of the kept images,
    which differ in size, since every size costs the engines as much as another compilation.
    """
    from striate.deploy.export import export_run
    from striate.engines.capture import QUICKEST_FIRST
    from striate.errors import ExportError
    from striate.runs.samples import read_samples, sample_names

    target, images = run.path / f"{run.config.stem}.onnx", read_samples(run)[::2]
    names, (*quick, last) = sample_names(run)[::2], QUICKEST_FIRST
    for way in quick:
        with suppress(ExportError):
            return export_run(run, target, images, names=names, capture=way).file
    return export_run(run, target, images, names=names, capture=last).file
