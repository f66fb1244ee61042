"""``striate predict``: what a run says about images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.table import AllowCode


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    images: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes an image.")] = 5,
    workers: Annotated[int | None, typer.Option(min=0, help="Threads that read images.")] = None,
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what images show, with probabilities."""
    from striate import api

    found = api.predict(run, images, top=top, workers=workers, progress=True, allow_code=allow_code)
    if as_json:
        print(json.dumps([each.to_json() for each in found]))
        return
    for each in found:
        pairs = zip(each.classes, each.probabilities, strict=True)
        print(f"{each.file}: " + ", ".join(f"{name} {share:.1%}" for name, share in pairs))
