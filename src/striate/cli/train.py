"""``striate train``: from a folder of images to a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder of class folders, one with train/ and val/, MNIST's IDX files, or a "
            "name (digits, mnist, fashion_mnist, cifar10, cifar100, flowers102); a run, with "
            "--resume."
        ),
    ] = None,
    net: Annotated[
        str | None,
        typer.Option("--net", "--model", help="A network of `striate list-networks`."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="modern (the default), classic, or a TOML file.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    size: Annotated[
        int | None, typer.Option(min=8, help="Side of the input in pixels; the paper's if absent.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Scales the learning rate with it.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="0 if absent.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/NET-DATA if absent.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="auto (the default), float32 or bfloat16.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto (the default), cpu, cuda …")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Threads that prepare images; any number gives the same result."),
    ] = None,
    auxiliary_weights: Annotated[
        str | None, typer.Option(help="Weights of the auxiliary losses, such as 0.3,0.3.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out (or DATA).")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files as well.")
    ] = False,
    val_fraction: Annotated[
        float | None,
        typer.Option(help="Share held out where DATA has no such part (0.2)."),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="A choice that the network offers, such as auxiliary=true; repeatable."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Start from published weights: torchvision, timm, or a file (.safetensors, .pth)."
        ),
    ] = None,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0, help="Between two checkpoints within an epoch.")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train a network on images, evaluate and report it."""
    from striate import api
    from striate.training.losses import parse_weights
    from striate.zoo.variants import read

    result = api.train(
        data,
        net=net,
        recipe=recipe,
        epochs=epochs,
        size=size,
        batch_size=batch_size,
        seed=seed,
        out=out,
        precision=precision,
        device=device,
        workers=workers,
        auxiliary_weights=None if auxiliary_weights is None else parse_weights(auxiliary_weights),
        skip_bad=skip_bad,
        val_fraction=val_fraction,
        variant=read(variant or []),
        weights=weights,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
        progress=True,
    )
    if not result:  # a process that does not lead
        return
    print(json.dumps(result.to_json()) if as_json else result.summary())
