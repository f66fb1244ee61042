"""Single keys of a recipe, set by a person: ``optimiser.rate=0.01``.

What is set holds as it stands, over whatever the recipe says, also in its tables for some networks
and images: no batch size and no small set of images scales it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_type_hints

from striate.errors import RecipeError, nearest, parameter
from striate.recipes.recipe import Recipe
from striate.support.tables import laid_over, short, under_field_names
from striate.support.text import printable

#: What says of a recipe what it is, and decides nothing.
DESCRIBING = ("name", "reference", "ours", "departures")
#: What a person may call a key who comes from elsewhere.
_ELSEWHERE = {
    **dict.fromkeys(("lr", "learning_rate", "learningrate", "eta"), "optimiser.rate"),
    **dict.fromkeys(("optimizer", "optim", "optimiser"), "optimiser.name"),
    **dict.fromkeys(("optimizer.lr", "optimiser.lr", "optimizer.rate"), "optimiser.rate"),
    **dict.fromkeys(("scheduler", "schedule", "lr_scheduler"), "schedule.name"),
    **dict.fromkeys(("wd", "optimizer.weight_decay"), "optimiser.weight_decay"),
}
#: How a recipe says which of its values a person has set.
_SET = "set: "


def read_settings(texts: list[str]) -> dict[str, Any]:
    """``["optimiser.rate=0.01", "schedule.milestones=0.5,0.75"]`` by their keys.

    A value is written as in TOML; text needs no quotes, and a list no brackets.

    Raises:
        RecipeError: one of them is not ``key=value``, or a key comes twice.
    """
    found: dict[str, Any] = {}
    for each in texts:
        key, equals, text = (part.strip() for part in each.partition("="))
        shown = parameter("set", each)
        if not (key and equals and text):
            raise RecipeError(shown, "is not key=value", "e.g. optimiser.rate=0.01")
        if key in found:
            raise RecipeError(shown, f"{printable(key)} is given twice", "give it once")
        found[key] = _value(text)
    return found


def _value(text: str) -> Any:
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    for written in (text, f"[{text}]") if "," in text else (text,):
        try:
            (value,) = tomllib.loads(f"value = {written}").values()
        except (ValueError, RecursionError):  # no TOML, or more than one value
            continue
        return value
    return text


def keys() -> tuple[str, ...]:
    """Every key that can be set, as a person writes it."""
    hints = get_type_hints(Recipe)
    found: list[str] = []
    for each in fields(Recipe):
        if is_dataclass(table := hints[each.name]):
            found += [f"{each.name}.{key.name}" for key in fields(table)]
        elif each.name not in DESCRIBING:
            found.append(each.name)
    return tuple(found)


def flat(settings: object) -> dict[str, Any]:
    """`settings` by the full names of their keys, also where tables are given as mappings.

    Raises:
        RecipeError: there is no such key, or these are no settings.

    Examples:
        >>> flat({"epochs": 3, "optimiser": {"rate": 0.1}, "augmentation.mirror": False})
        {'epochs': 3, 'optimiser.rate': 0.1, 'augmentation.horizontal_flip': False}
    """
    if not isinstance(settings, Mapping):
        what = f"{parameter('set')} = {short(settings)}"
        raise RecipeError(what, "is no mapping of keys", 'e.g. {"optimiser": {"rate": 0.01}}')
    known, found = keys(), {}
    for given, value in _one_by_one(settings):
        key = ".".join(_renamed(*given.split(".")))
        if key not in known:
            raise RecipeError(f"{parameter('set')} {printable(key)}", *_unknown(key, known))
        if key in found:
            raise RecipeError(f"{parameter('set')} {key}", "is given twice", "give it once")
        found[key] = value
    return found


def _one_by_one(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    tables = {each.partition(".")[0] for each in keys() if "." in each}
    for key, value in settings.items():
        if isinstance(value, Mapping) and (value or key in tables):
            yield from ((f"{key}.{below}", each) for below, each in value.items())
        else:
            yield str(key), value


def _renamed(*parts: str) -> tuple[str, ...]:
    """A key under its own name, where files have it under an older one."""
    if len(parts) != 2:
        return parts
    table, key = parts
    (name,) = under_field_names(Recipe, {table: {key: None}})[table]
    return table, name


def _unknown(key: str, known: tuple[str, ...]) -> tuple[str, str]:
    """Why `key` cannot be set, and what to do about it."""
    if key in DESCRIBING:
        return "says what a recipe is, and decides nothing", "write it into a file of your own"
    if key.lower() in _ELSEWHERE:
        return "is not a key of a recipe", f"did you mean '{_ELSEWHERE[key.lower()]}'?"
    # Who leaves out the table means the key of that name.
    alike = [each for each in known if each.rpartition(".")[2] == key]
    if alike:
        return "is not a key of a recipe", f"did you mean {' or '.join(map(repr, alike))}?"
    return "is not a key of a recipe", nearest(key, known)


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """`recipe` with what was set laid over it, which its `departures` then say.

    Args:
        recipe: any, also one that has been given the same settings before.
        settings: as `flat` gives them.

    Raises:
        RecipeError: a value is not of its key's type or outside its range, or does not go with the
            others.
    """
    if not settings:
        return recipe
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        table, _, name = key.rpartition(".")
        (nested.setdefault(table, {}) if table else nested)[name] = value
    laid = laid_over(under_field_names(Recipe, recipe.to_dict()), nested)
    changed = Recipe.from_dict(laid, parameter("set"))
    said = [f"{_SET}{key} = {_shown(changed, key)}" for key in settings]
    before = [each for each in recipe.departures if each.partition(" = ")[0] not in _heads(said)]
    return replace(changed, departures=(*before, *said))


def _heads(said: list[str]) -> set[str]:
    return {each.partition(" = ")[0] for each in said}


def value_of(recipe: Recipe, key: str) -> Any:
    """What `recipe` says under `key`, such as ``optimiser.rate``."""
    value: Any = recipe
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _shown(recipe: Recipe, key: str) -> str:
    value = value_of(recipe, key)
    if isinstance(value, tuple):
        return f"[{', '.join(f'{each:g}' for each in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def set_in(recipe: Recipe) -> tuple[str, ...]:
    """What a person has set in `recipe`, as ``optimiser.rate = 0.01``."""
    return tuple(each.removeprefix(_SET) for each in recipe.departures if each.startswith(_SET))


def departures_of(recipe: Recipe) -> tuple[str, ...]:
    """Where `recipe` departs from its reference, without what a person has set."""
    return tuple(each for each in recipe.departures if not each.startswith(_SET))
