"""Which keys of a recipe do something, given the choices that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from striate.recipes.frozen import FrozenRecipe
from striate.recipes.recipe import Recipe
from striate.recipes.sizes import Sizes

#: (table, key): the choices of that table under which the key is read. What stands in no line is
#: always read.
_READ_UNDER: dict[tuple[str, str], tuple[str, tuple[Any, ...]]] = {
    ("optimiser", "momentum"): ("name", ("sgd", "rmsprop")),
    ("optimiser", "nesterov"): ("name", ("sgd",)),
    ("optimiser", "betas"): ("name", ("adam", "adamw")),
    ("optimiser", "alpha"): ("name", ("rmsprop", "adadelta")),
    ("optimiser", "eps"): ("name", ("adam", "adamw", "rmsprop", "adadelta")),
    ("schedule", "milestones"): ("name", ("step",)),
    ("schedule", "rates"): ("name", ("step",)),
    ("schedule", "factor"): ("name", ("step", "plateau", "exponential")),
    ("schedule", "every"): ("name", ("exponential",)),
    ("schedule", "patience"): ("name", ("plateau",)),
    ("schedule", "final"): ("name", ("cosine", "one_cycle")),
    ("loss", "map_j"): ("name", ("map",)),
    ("averaging", "decay"): ("name", ("ema",)),
    ("averaging", "start"): ("name", ("polyak",)),
    ("augmentation", "scale"): ("crop", ("resized",)),
    ("augmentation", "ratio"): ("crop", ("resized",)),
    ("augmentation", "padding"): ("crop", ("padded",)),
    ("augmentation", "border"): ("crop", ("padded",)),
    ("augmentation", "sizes"): ("crop", ("corner",)),
}


def in_use(recipe: Recipe | FrozenRecipe | None, small: bool) -> dict[str, Any]:
    """The values of `recipe`, without those that its other choices leave unread.

    Args:
        recipe: of a run.
        small: whether the network's input has at most 64 pixels a side, where the crop ``auto``
            pads; for larger ones it resizes.

    Returns:
        The values by their names, in order, a dictionary for each table.
    """
    kept: dict[str, Any] = {}
    for name, value in vars(recipe).items() if recipe else ():
        if not is_dataclass(value):
            kept[name] = value
            continue
        if isinstance(value, Sizes) and not value.vary:
            continue
        found = {key: each for key, each in vars(value).items() if each is not None}
        choices = dict(found)
        if choices.get("crop") == "auto":
            choices["crop"] = "padded" if small else "resized"
        kept[name] = {key: each for key, each in found.items() if _is_read(name, key, choices)}
    return kept


def _is_read(table: str, key: str, choices: Mapping[str, Any]) -> bool:
    if (table, key) == ("schedule", "warmup_rate"):
        return bool(choices.get("warmup"))
    choice, under = _READ_UNDER.get((table, key), ("", ()))
    return choice not in choices or choices[choice] in under
