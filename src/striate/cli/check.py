"""``striate check``: what is wrong with a set of images, and what they are like."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def check(
    data: Annotated[
        str,
        typer.Argument(
            help="A folder of class folders, one with train/ and val/, MNIST's IDX files, or a "
            "name (digits, mnist, fashion_mnist, cifar10, cifar100, flowers102)."
        ),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Decides the split, as in training.")] = 0,
    val_fraction: Annotated[
        float, typer.Option(help="Share held out where DATA has no such part, as in training.")
    ] = 0.2,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Threads; any number gives the same result.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look for what is wrong with images.

    Bad files, duplicates, imbalance; exits with 2 if training would refuse.
    """
    from striate import api

    found = api.check(data, seed=seed, val_fraction=val_fraction, workers=workers, progress=True)
    if as_json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        from rich.console import Console

        found.show(Console(highlight=False))
    if not found.usable:
        raise typer.Exit(2)
