"""What a trained network becomes on its way to where it is used."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from striate.deploy.quantise.options import AGREEMENT, DIFFERENCE, DROP, QuantiseOptions
from striate.errors import ExportError, parameter
from striate.support.options import takes
from striate.support.progress import counting
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.labelled import Training
    from striate.deploy.quantise.figures import Limits
    from striate.deploy.quantise.quantise import QuantiseReport
    from striate.engines.exported import ExportedFile
    from striate.runs.run import Run


@takes(QuantiseOptions)
def quantise(options: QuantiseOptions) -> QuantiseReport:
    """Make the network of an exported file 8-bit, and measure what that costs and gains.

    Pre-processing, softmax and heads that were fitted to embeddings stay float. Float and int8 are
    compared on all held-out images in ONNX Runtime and OpenVINO, and in OpenVINO without VNNI where
    this processor has it. Outside the limits, 7-bit weights are tried, then layers left float, the
    worst first. The int8 file takes and gives what the float one does.

    Returns:
        What was written; figures of each engine, of each layer and of each step that was tried.

    Raises:
        StriateError: the file, the run or the images are at fault.
        ExportError: no step is inside the limits; an older file at `output` is then still there.
    """
    from striate.deploy.quantise.quantise import int8_path
    from striate.engines.exported import is_exported
    from striate.runs.run import Run

    run = None
    if not is_exported(options.source):
        run = Run.open(options.source, allow_code=options.allow_code)
    if run is None and options.data is None:
        raise ExportError(
            printable(str(options.source)),
            "has no images of its own",
            f"give some to calibrate and measure with ({parameter('data')})",
        )
    with _float_file(options, run) as file:
        source = file.path if run is None else run.path
        default = (source if run is not None else source.parent) / int8_path(file.path).name
        return _quantised(file, Path(options.output or default), options, run, source)


def quantise_export(file: Path, run: Run, *, allow_code: bool, progress: bool) -> QuantiseReport:
    """Quantise what was exported of `run`, with its own images and the usual options.

    Args:
        file: the float file, beside which the other is put.
        run: that it was exported from.
        allow_code: as for `quantise`.
        progress: as for `quantise`.

    Raises:
        StriateError: as `quantise`.
    """
    from striate.deploy.quantise.quantise import int8_path
    from striate.engines.exported import open_exported

    options = QuantiseOptions(run, allow_code=allow_code, progress=progress)
    return _quantised(open_exported(file), int8_path(file), options, run, file)


def _quantised(
    file: ExportedFile, output: Path, options: QuantiseOptions, run: Run | None, source: Path
) -> QuantiseReport:
    """Quantise `file` into `output`, and say that it was made of `source`."""
    from striate.data.labelled import open_labelled
    from striate.data.scan import threads
    from striate.data.targets import Answers
    from striate.data.working_copies.fitted import FittedImages
    from striate.data.working_copies.made import Made
    from striate.deploy.quantise.quantise import quantise_file, readable
    from striate.report.quantisation import write_quantisation_page

    readable(file)  # before the images are looked at, which takes longer
    limits = _limits(file, options)
    origin, training = _images(options, run)
    made = Made(fitted=FittedImages(file.preprocessing, again=False))
    with counting("checking images", wanted=options.progress) as count:
        found = open_labelled(
            origin,
            file.classes,
            answers=Answers(
                targets=tuple(each.name for each in file.targets),
                units=tuple(each.unit for each in file.targets),
            ),
            training=training,
            skip_bad=options.skip_bad or (run is not None and run.config.data.skipped > 0),
            workers=max(threads(options.workers), 1),
            visitors=made.visitors,  # photographs are decoded once, to be checked and measured on
            progress=count,
        )
    found = replace(found, images=replace(found.images, made=made))
    report = quantise_file(
        file,
        output,
        found,
        origin=str(origin),
        limits=limits,
        calibration=options.calibration,
        workers=threads(options.workers),
        progress=options.progress,
    )
    report = replace(report, source=source)
    return replace(report, page=write_quantisation_page(report)) if options.page else report


def _limits(file: ExportedFile, options: QuantiseOptions) -> Limits:
    """What the integer network of `file` may differ by.

    Raises:
        ExportError: a limit is given that is of another kind of answers.
    """
    from striate.deploy.quantise.figures import ClassLimits, ValueLimits

    classes = {"drop": DROP, "agreement": AGREEMENT}
    others = classes if file.targets else {"difference": DIFFERENCE}
    theirs, own = ("classes", "numbers") if file.targets else ("numbers", "classes")
    for name, usual in others.items():
        if getattr(options, name) != usual:
            raise ExportError(
                parameter(name, getattr(options, name)),
                f"is for networks of {theirs}, and this one is of {own}",
                "leave it out",
            )
    if file.targets:
        return ValueLimits(difference=options.difference / 100, target=options.target)
    return ClassLimits(
        drop=options.drop / 100, agreement=options.agreement / 100, target=options.target
    )


def _images(options: QuantiseOptions, run: Run | None) -> tuple[str | Path, Training | None]:
    """Where the images are, and which of them the network was trained on."""
    from striate.runs.data import origin_of, training_of

    if run is not None:
        return options.data or origin_of(run), training_of(run)
    return options.data or "", None  # a file has been given some


@contextmanager
def _float_file(options: QuantiseOptions, run: Run | None) -> Iterator[ExportedFile]:
    """The file itself; or of a run, one that is exported for as long as the block runs."""
    from striate.deploy.export import export_run
    from striate.engines.exported import open_exported
    from striate.runs.samples import read_samples, sample_names

    if run is None:
        yield open_exported(options.source)
        return
    with tempfile.TemporaryDirectory(prefix="striate-") as folder:
        file = Path(folder) / f"{run.config.stem}.onnx"
        yield open_exported(export_run(run, file, read_samples(run), names=sample_names(run)).file)
