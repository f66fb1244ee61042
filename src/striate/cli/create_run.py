"""``striate create-run``: a run of a network as it is, without training."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def create_run(
    network: Annotated[str, typer.Argument(help="A network of `striate list-networks`.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    weights: Annotated[
        str | None,
        typer.Option(
            help="torchvision, timm, a file (.safetensors, .pth) or a run's folder; random weights "
            "if absent."
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(min=2, help="As many as the weights have if absent; else a new classifier."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides what starts anew.")] = 0,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="A choice that the network offers, such as auxiliary=true; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a run of published weights, without training.

    So that predict, evaluate and export work on them.
    """
    from striate import api
    from striate.zoo.variants import read

    run = api.create_run(
        network,
        out,
        weights=weights,
        classes=classes,
        seed=seed,
        variant=read(variant or []),
    )
    config = run.config
    if as_json:
        found = {
            "run": str(run.path),
            "network": config.network,
            "classes": len(config.classes),
            "input": list(config.preprocessing.input_size),
            "weights": asdict(config.weights) if config.weights else None,
        }
        print(json.dumps(found))
        return
    channels, height, width = config.preprocessing.input_size
    print(f"{run.path}")
    print(f"  {config.network}, {len(config.classes)} classes, {channels} × {height} × {width}")
    if config.weights:
        print(f"  weights: {config.weights.name}")
        if config.weights.note:
            print(f"  {config.weights.note}")
    else:
        print("  random weights: it has learned nothing yet")
