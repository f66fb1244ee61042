"""``striate evaluate``: how good a run is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate.cli.table import AllowCode

if TYPE_CHECKING:
    from striate.evaluation.metrics import Evaluation


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or an ONNX file.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="Other images with the run's classes, as for `striate train`, without those that "
            "it was trained on; the run's own held-out images if absent."
        ),
    ] = None,
    all_images: Annotated[
        bool,
        typer.Option("--all", help="Measure on the images that it was trained on, too."),
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Threads that prepare images.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda … or auto.")] = "cpu",
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a run on held-out images.

    Top-1, top-5, loss, calibration, figures of each class, confusion.
    """
    from striate import api

    found = api.evaluate(
        run,
        data,
        all_images=all_images,
        skip_bad=skip_bad,
        workers=workers,
        device=device,
        progress=True,
        allow_code=allow_code,
    )
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        _show(found, data)


def _show(found: Evaluation, data: str | None) -> None:
    from rich.console import Console

    if found.left_out and data is not None:
        images = "image" if found.left_out == 1 else "images"
        print(
            f"note: {found.left_out:,} {images} left out: trained on (--all measures on them too)"
        )
    found.show(Console(highlight=False))
