"""The range test of the learning rate, before a network is trained."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace

import torch
from torch import nn

from striate.data.sources import Data
from striate.errors import StriateError, parameter
from striate.recipes.recipe import Recipe
from striate.recipes.settings import with_settings
from striate.runs.rate_test import RateTest, keep_rate_test
from striate.runs.run import Run
from striate.support import settings
from striate.support.limits import LARGEST_SEED
from striate.support.progress import Progress, counting
from striate.training.assemble import make_setup
from striate.training.optimisers import make_optimiser, set_rate
from striate.training.options import TrainOptions
from striate.training.place import Place
from striate.training.probe import copied
from striate.training.settled import settings_of
from striate.training.setup import Setup
from striate.training.validate import autocast

#: The rates that are tried: from and to, and how many to a power of ten.
LOWEST, HIGHEST, EACH = 1e-5, 10.0, 16
#: The test ends where the loss is this many times the first one: what follows is worse still.
_DIVERGED = 4.0
#: The other rates of a recipe, which follow the one that is found unless they were set.
_FOLLOWING = ("schedule.rates", "schedule.warmup_rate")


def rates() -> tuple[float, ...]:
    """The rates that are tried, in turn."""
    decades = round(math.log10(HIGHEST / LOWEST))
    return tuple(LOWEST * 10 ** (step / EACH) for step in range(decades * EACH + 1))


def range_test(setup: Setup, progress: Progress | None = None) -> RateTest:
    """What rising rates do to the first steps of the training that `setup` is for.

    The steps are made as the training makes them, with its images at the size of its first epoch,
    its loss and its update rule, but with a copy of the network: that one, and what is drawn later,
    do not change by it. The same setup gives the same test to the bit.

    Args:
        setup: of a training before its first step.
        progress: called with the steps that are done, of all.
    """
    with settings.training(setup.threads, setup.seed):
        return _tested(setup, progress)


def found_rate(
    run: Run, network: nn.Module, data: Data, *, options: TrainOptions, place: Place
) -> Run:
    """`run` with the learning rate that a range test of its training suggests.

    The test is kept in the run's folder, and what came of it noted. Where no rate lets the loss
    fall, the recipe's stays.

    Raises:
        StriateError: several processes train together.
    """
    if place.group.world > 1:
        raise StriateError(
            parameter("find_lr", True),
            "tests rates in one process",
            f"find one without torchrun, and give it as {parameter('lr')}",
        )
    recipe = run.config.recipe
    assert isinstance(recipe, Recipe)
    setup = make_setup(run, network, data, options=options, place=place)
    with counting("trying learning rates", wanted=options.progress) as progress:
        test = range_test(setup, progress)
    keep_rate_test(run.path, test)
    place.callbacks.on_note(told(test))
    if test.suggested is None:
        return run
    recipe = recipe.with_rates_times(test.suggested / recipe.optimiser.rate)
    given = settings_of(options)
    own = {key: given[key] for key in _FOLLOWING if key in given}
    recipe = with_settings(recipe, {**own, "optimiser.rate": test.suggested})
    return run.decided(replace(run.config, recipe=recipe))


def told(test: RateTest) -> str:
    """What came of `test`, in a sentence."""
    before = f"the recipe's {test.before:.3g}"
    if test.suggested is None or test.lowest is None:
        return f"range test of the learning rate: no rate lets the loss fall; {before} is kept"
    return (
        f"range test of the learning rate: the loss is lowest at {test.rates[test.lowest]:.3g}, a "
        f"tenth of which, {test.suggested:.3g}, is taken instead of {before}"
    )


def _tested(setup: Setup, progress: Progress | None) -> RateTest:
    recipe, network = setup.recipe, copied(setup).train()
    optimiser = make_optimiser(network, recipe.optimiser)
    _, *own = setup.validation.preprocessing.input_size
    size = recipe.sizes.at(0, recipe.epochs, (own[0], own[1]))
    tried, losses, together = rates(), [], recipe.gradient.accumulate
    with closing(setup.train.batches(0, stop=len(tried) * together, size=size)) as batches:
        found = 0.0
        for number, batch in enumerate(batches):
            step = number // together
            settings.seed((setup.seed + number) % LARGEST_SEED)
            set_rate(optimiser, tried[step])
            with autocast(setup.precision, setup.device):
                output = network(batch.inputs(setup.device))
            loss = setup.criterion(output, batch.targets.to(setup.device)).total
            found += float(loss.detach()) / together
            torch.autograd.backward(loss / together)
            if (number + 1) % together:
                continue
            if not math.isfinite(found):
                break
            losses.append(found)
            if found > _DIVERGED * abs(losses[0]):
                break
            if recipe.gradient.clip_norm:
                torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient.clip_norm)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            found = 0.0
            if progress is not None:
                progress(step + 1, len(tried))
    return RateTest(rates=tried[: len(losses)], losses=tuple(losses), before=recipe.optimiser.rate)
