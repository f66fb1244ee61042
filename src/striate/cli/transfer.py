"""``striate transfer``: from a folder of images and a trained network to a classifier."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from striate.errors import ExportError


def transfer(
    data: Annotated[
        str, typer.Argument(help="Images, as for `striate train`: a folder of class folders …")
    ],
    backbone: Annotated[
        str,
        typer.Option(
            help="A run's folder, a name of `striate list-networks`, torchvision:NAME or timm:NAME."
        ),
    ],
    weights: Annotated[
        str | None,
        typer.Option(help="torchvision, timm, or a file of weights; a run has its own."),
    ] = None,
    head: Annotated[str, typer.Option(help="softmax, svm (linear) or svm-rbf.")] = "softmax",
    penalty: Annotated[
        str, typer.Option(help="Of softmax: l2, or l1 to leave features out.")
    ] = "l2",
    freeze: Annotated[
        str,
        typer.Option(
            help="all (the head is fitted, nothing trained), none, or how many of the first "
            "stages stay as they are."
        ),
    ] = "all",
    views: Annotated[
        int, typer.Option(min=1, help="Views of each training image, the first as it is.")
    ] = 1,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of training what is not frozen (10).")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Likewise (32 or less).")] = None,
    unfreeze_every: Annotated[
        int,
        typer.Option(min=0, help="Thaw a stage every so many epochs, from above; 0: all at once."),
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/NETWORK-DATA if absent.")
    ] = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--curve", help="Report accuracy by training images and by frozen stages: minutes."
        ),
    ] = False,
    export: Annotated[
        bool, typer.Option("--export/--no-export", help="Write the verified ONNX file too.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of split, folds and views.")] = 0,
    engine: Annotated[
        str,
        typer.Option(help="For features: auto, openvino, torch; with bfloat16 or float32."),
    ] = "auto",
    cache: Annotated[
        Path | None, typer.Option(help="Where features are kept; see `striate cache`.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Threads that prepare images.")] = None,
    val_fraction: Annotated[
        float, typer.Option(help="Share held out where DATA has no such part.")
    ] = 0.2,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Put a new head on a trained network, for other images.

    Features, head, evaluation, report, export.
    """
    from striate import api

    result = api.transfer(
        data,
        backbone=backbone,
        weights=weights,
        head=head,
        penalty=penalty,
        freeze=freeze,
        views=views,
        epochs=epochs,
        batch_size=batch_size,
        unfreeze_every=unfreeze_every,
        out=out,
        curve=curve,
        export=export,
        seed=seed,
        engine=engine,
        cache=cache,
        workers=workers,
        val_fraction=val_fraction,
        skip_bad=skip_bad,
        progress=True,
    )
    print(json.dumps(result.to_json()) if as_json else result.summary())
    if result.export_error:
        run = shlex.quote(str(result.run))
        raise ExportError(
            str(result.run),
            f"is a whole run, but its export failed ({result.export_error})",
            f"use it as it is: striate predict {run} IMAGE; or try again: striate export {run}",
        )
