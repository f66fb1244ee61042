"""A run that goes on: which one is meant, and whether all is as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from striate.data.sources import Data
from striate.errors import RunError, StriateError
from striate.runs import run as names
from striate.runs.config import RunConfig
from striate.runs.networks import make_network
from striate.runs.run import Run, is_run_folder
from striate.support import settings
from striate.training.assemble import make_training, open_board, open_images_of
from striate.training.loop import Training
from striate.training.options import Options, Place
from striate.training.pretrained import resolved_source, start_again
from striate.training.recipe import Recipe, load_recipe
from striate.zoo.catalogue import entry
from striate.zoo.create import canonical


def resumed_run(options: Options) -> Path | None:
    """The run that ``--resume`` means: --out, or DATA where that is a run; None for a new one."""
    if not options.resume:
        return None
    for given in (options.out, options.data):
        if given is not None and is_run_folder(Path(given).expanduser()):
            return Path(given)
    if options.out is not None and options.data is not None and options.net is not None:
        # Nothing to go on from yet: the same command starts a run and, when repeated, resumes it.
        return None
    given = options.out or options.data
    if given is None:
        raise StriateError("--resume", "needs a run", "e.g. striate train RUN --resume")
    Run.open(given)
    return Path(given)


def plan_resumed(path: Path, options: Options, place: Place) -> tuple[Run, Training, Data]:
    """The training of the run at `path`, at its last checkpoint.

    Raises
    ------
    StriateError: the run is damaged, its images have changed, or a flag says otherwise than it.
    """
    group = place.group
    run = Run.open(path)
    config = run.config
    if config.transfer is not None and config.transfer.freeze == "all":
        raise RunError(
            str(run.path),
            "was transferred with its backbone frozen: nothing in it is left to train",
            "transfer anew with --freeze none, or a number of stages",
        )
    if not config.recipe:
        raise RunError(
            str(run.path),
            "was never trained: it was made of weights as they are",
            "train with --weights in another --out",
        )
    recipe = Recipe.from_dict(config.recipe, f"{run.path / names.CONFIG} [recipe]")
    _refuse_changes(options, run, recipe, place)
    if group.world != config.world:
        raise RunError(
            str(run.path),
            f"was trained by {config.world} processes, not {group.world}",
            f"go on with torchrun --nproc-per-node {config.world}",
        )
    given = options.data
    moved = given is not None and Path(given).expanduser().resolve() != run.path
    data = open_images_of(
        given if moved and given is not None else config.data.origin,
        seed=config.seed,
        options=replace(
            options,
            val_fraction=config.data.val_fraction,
            skip_bad=options.skip_bad or config.data.skipped > 0,
        ),
        place=place,
    )
    if data.fingerprint != config.data.fingerprint:
        raise RunError(
            str(run.path),
            f"was trained on other images than those now in {data.origin}",
            "restore them, or train anew",
        )
    begun = (run.path / names.STATE).exists() or (run.path / names.WEIGHTS).exists()
    if not begun and config.transfer:
        raise RunError(
            str(run.path),
            f"has lost {names.STATE} and {names.WEIGHTS}: nothing else holds its fitted head",
            "restore them from a copy, or transfer anew in another --out",
        )
    with settings.seeded(config.seed):
        network = make_network(config, allow_code=run.allow_code)
        if not begun:
            start_again(run, network, place)
    training = make_training(run, network, data, recipe, options=options, place=place)
    if begun:
        training.resume()
    if moved and group.leads:
        # The images have moved: what comes after training must find them too.
        run = Run(run.path, replace(config, data=replace(config.data, origin=data.origin)))
        run.config.write(run.path / names.CONFIG)
    open_board(training, run, options)
    return run, training, data


def _refuse_changes(options: Options, run: Run, recipe: Recipe, place: Place) -> None:
    """A run goes on as it began: a flag that says otherwise is a mistake."""
    config = run.config
    out = None if options.out is None else options.out.expanduser().resolve()
    settled: Mapping[str, tuple[Any, Any]] = {
        "net": (options.net, config.network),
        "epochs": (options.epochs, recipe.epochs),
        "size": (options.size, config.preprocessing.height),
        "batch-size": (options.batch_size, recipe.batch_size),
        "seed": (options.seed, config.seed),
        "precision": (
            None if options.precision == "auto" else options.precision,
            config.precision,
        ),
        "device": (place.device.type, config.device),
        "recipe": (options.recipe and _recipe_name(options.recipe, config), recipe.name),
        "auxiliary-weights": (options.auxiliary_weights, recipe.loss.auxiliary_weights),
        "variant": (
            canonical(config.network, dict(options.variant)) if options.variant else None,
            dict(config.variant),
        ),
        "weights": (
            options.weights and resolved_source(options.weights),
            None if config.weights is None else config.weights.source,
        ),
        "out": (out, run.path),
    }
    for flag, (given, kept) in settled.items():
        if given is not None and given != kept:
            raise RunError(
                f"--{flag} {given}",
                f"the run to go on with has {kept}",
                "leave the flag out, or train anew in another --out",
            )


def _recipe_name(asked: str, config: RunConfig) -> str:
    """The name of the recipe that `asked` stands for with the network of the run."""
    if config.transfer:
        return asked
    family = entry(config.network).family
    found = load_recipe(
        asked, network=config.network, family=family, normalised=True, grey=False, small=False
    )
    return found.name
