"""``striate export``: from a run to one ONNX file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate.cli.table import AllowCode

if TYPE_CHECKING:
    from striate.deploy.export import ExportReport


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The file; NETWORK.onnx in the run's folder if absent."
        ),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(help="Version of the ONNX operators; 18 if absent.")
    ] = None,
    input_name: Annotated[str, typer.Option(help="Name of the graph's input.")] = "image",
    output_name: Annotated[str, typer.Option(help="Name of its output.")] = "probabilities",
    dynamic: Annotated[
        str,
        typer.Option(
            help="Axes that may differ from call to call, or none. Without height and width it "
            "takes pictures of the network's own size, resized and cropped before."
        ),
    ] = "batch,height,width",
    params: Annotated[
        bool, typer.Option("--params/--no-params", help="Weights inside, or as further inputs.")
    ] = True,
    capture: Annotated[
        str, typer.Option(help="export, or trace or script (TorchScript) for opsets from 12.")
    ] = "export",
    preprocess: Annotated[
        bool,
        typer.Option(
            "--preprocess/--no-preprocess",
            help="Any uint8 image (batch, height, width, channels) goes in, or only the network's "
            "own normalised input.",
        ),
    ] = True,
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a run as one verified ONNX file.

    It is compared with PyTorch on real images, in ONNX Runtime and in OpenVINO.
    """
    from rich.console import Console

    from striate import api
    from striate.cli.notes import tell_of

    axes = (
        [] if dynamic == "none" else [axis.strip() for axis in dynamic.split(",") if axis.strip()]
    )
    tell_of(run, allow_code=allow_code)
    with Console(stderr=True).status("capturing, writing and verifying …"):
        report = api.export(
            run,
            output,
            opset=opset,
            input_name=input_name,
            output_name=output_name,
            dynamic=axes,
            params=params,
            capture=capture,
            preprocess=preprocess,
            allow_code=allow_code,
        )
    print(json.dumps(report.to_json(), indent=1) if as_json else _summary(report))


def _summary(report: ExportReport) -> str:
    """What a person wants to know about the file, in a few lines."""
    verified = report.verified
    ends = [*report.inputs[:1], *report.outputs]
    lines = [
        f"{report.file}",
        f"  {report.bytes / 1e6:.1f} MB, opset {report.opset}, {report.classes} classes",
        *(f"  {end.name}: {end.dtype} ({', '.join(map(str, end.shape))})" for end in ends),
        f"  takes {report.takes}",
        f"  verified on {verified.images} images: probabilities equal PyTorch's to "
        f"{verified.onnxruntime:.1g} in ONNX Runtime, {verified.openvino:.1g} in OpenVINO",
    ]
    if len(report.inputs) > 1:
        lines.insert(3, f"  and {len(report.inputs) - 1} weights as inputs, named as in the run")
    if verified.pipeline is not None:
        pixels = ""
        if verified.pixel_levels is not None:
            pixels = f"pixels to {verified.pixel_levels:g} of 255 levels, "
        lines.append(
            f"  and evaluation's pipeline's: {pixels}probabilities to {verified.pipeline:.1g}"
        )
    return "\n".join(lines)
