"""Keys of the recipe that a person sets, among the other options that decide about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from striate.errors import RunError, StriateError, parameter
from striate.recipes.recipe import Recipe
from striate.recipes.settings import flat, set_in, value_of, with_settings
from striate.recipes.sizes import Sizes
from striate.runs.rate_test import read_rate_test
from striate.runs.run import Run
from striate.training.options import TrainOptions

#: The options that decide about one key of the recipe, by that key.
_ALSO: Mapping[str, tuple[str, ...]] = {
    "epochs": ("epochs", "minutes"),
    "passes": ("minutes",),
    "batch_size": ("batch_size",),
    "select": ("select",),
    "optimiser.rate": ("lr",),
    "loss.name": ("loss",),
    "loss.class_weights": ("class_weights",),
    "loss.auxiliary_weights": ("auxiliary_weights",),
}
#: What `Recipe.lasting` draws out or together where minutes decide how many epochs there are.
_DRAWN = ("milestones", "rates", "every", "warmup")
#: Sizes beside which any start and any end may be set.
_ANY = Sizes(start=1e-6)


def settings_of(options: TrainOptions) -> dict[str, Any]:
    """What `options` set in the recipe, by the full names of its keys.

    Raises:
        StriateError: there is no such key, or two options decide about the same thing.
    """
    if options.minutes is not None and options.epochs is not None:
        raise _twice("minutes", options.minutes, parameter("epochs", options.epochs), "epochs")
    found = flat(options.set or {})
    for key, others in _ALSO.items():
        for other in others:
            given = getattr(options, other)
            if key in found and given is not None:
                raise _twice(other, given, f"{parameter('set')} {key}", key)
    if options.find_lr and (options.lr is not None or "optimiser.rate" in found):
        other = parameter("lr" if options.lr is not None else "set")
        raise _twice("find_lr", True, other, "optimiser.rate")
    return found if options.lr is None else {**found, "optimiser.rate": options.lr}


def _twice(name: str, given: object, other: str, what: str) -> StriateError:
    decides = f"decides how many {what} there are" if what == "epochs" else f"decides about {what}"
    return StriateError(
        parameter(name, given), f"{decides}, and so does {other}", "give one of them"
    )


def refuse_other_settings(options: TrainOptions, run: Run, recipe: Recipe) -> None:
    """A run goes on as it began: a key that is set otherwise is a mistake.

    Raises:
        RunError: there is one.
        StriateError: what is set is no key, or no value of it.
    """
    settings = settings_of(options)
    if options.find_lr and read_rate_test(run) is None:
        raise RunError(
            parameter("find_lr", True),
            "the run to go on with was begun without",
            "leave it out, or train a new run",
        )
    if not settings:
        return
    wanted = with_settings(replace(recipe, sizes=_ANY), settings)
    timed = run.config.provenance.minutes is not None
    for key in settings:
        given, kept = value_of(wanted, key), value_of(recipe, key)
        drawn = timed and key in [f"schedule.{each}" for each in _DRAWN]
        # The network may have taken larger sizes than those that were set.
        said = next(each for each in set_in(wanted) if each.startswith(f"{key} = "))
        fitted = key.startswith("sizes.") and said in set_in(recipe)
        if given != kept and not drawn and not fitted:
            shown = f"{parameter('lr')}" if options.lr is not None else f"{parameter('set')} {key}"
            raise RunError(
                f"{shown} = {given}",
                f"the run to go on with has {kept}",
                "leave it out, or train a new run",
            )
