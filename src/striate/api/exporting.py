"""From a run to a file that needs nothing of Striate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from striate.deploy.options import ExportOptions
from striate.errors import ExportError, parameter
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.deploy.export import ExportReport
    from striate.runs.run import Run


@takes(ExportOptions)
def export(options: ExportOptions) -> ExportReport:
    """Write a run's network as one ONNX file, verified before it is moved into place.

    Raises:
        ExportError: an option cannot be met, an engine computes something else than PyTorch (it
            says by how much, and on which image), the file cannot be written, or int8 is wanted and
            outside its limits; the float file then stays.
    """
    from striate.api.shipping import quantise_export
    from striate.deploy.layouts import write_layout
    from striate.runs.run import Run

    if options.int8:
        _refuse_for_int8(options)
    opened = Run.open(options.run, allow_code=options.allow_code)
    if options.layout == "file":
        output = Path(options.output or opened.path / f"{opened.config.stem}.onnx")
        report = _exported(opened, options, output, tuple(options.dynamic))
        if not options.int8:
            return report
        int8 = quantise_export(
            report.file, opened, allow_code=options.allow_code, progress=options.progress
        )
        return replace(report, int8=int8)
    _refuse_for_layout(options)
    reports: list[ExportReport] = []
    folder = write_layout(
        options.layout,
        Path(options.output or opened.path / options.layout),
        lambda file, axes: reports.append(_exported(opened, options, file, axes)),
    )
    return replace(reports[0], file=folder, bytes=sum(each.bytes for each in reports))


def _exported(
    run: Run, options: ExportOptions, output: Path, dynamic: tuple[str, ...]
) -> ExportReport:
    from striate.deploy.export import export_run
    from striate.runs.samples import read_samples, sample_names

    return export_run(
        run,
        output,
        read_samples(run),
        names=sample_names(run),
        opset=options.opset,
        input_name=options.input_name,
        output_name=options.output_name,
        dynamic=dynamic,
        params=options.params,
        capture=options.capture,
        preprocess=options.preprocess,
        cam=options.cam,
        threshold=options.threshold,
    )


def _refuse_for_int8(options: ExportOptions) -> None:
    """Raise for what `quantise` could make nothing of, before anything is exported."""
    wanted = {
        "layout": (options.layout == "file", "quantises one file"),
        "params": (options.params, "needs the weights in the file"),
        "preprocess": (options.preprocess, "needs the pre-processing in the file"),
        "opset": (options.opset is None or options.opset >= 13, "needs opset 13 or newer"),
    }
    for name, (given, why) in wanted.items():
        if not given:
            raise ExportError(
                parameter("int8"), why, f"leave out {parameter(name, getattr(options, name))}"
            )


def _refuse_for_layout(options: ExportOptions) -> None:
    """Raise for what a server's folder, which holds two files of its own kind, leaves no choice."""
    whole = ("batch", "height", "width")
    chosen = {
        "dynamic": tuple(options.dynamic) != whole,
        "params": not options.params,
        "preprocess": not options.preprocess,
    }
    for name, given in chosen.items():
        if given:
            raise ExportError(
                parameter(name, getattr(options, name)),
                f"is decided by {parameter('layout', options.layout)}",
                "leave one of them out",
            )
