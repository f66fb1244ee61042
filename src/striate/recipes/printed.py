"""A recipe as TOML that a person can change: every key, with what it decides."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

import tomli_w

from striate.recipes.key_docs import key_docs
from striate.recipes.recipe import Recipe
from striate.support.shown import Readable
from striate.support.tables import under_field_names

_WIDTH = 88

#: What the tables hold for that are laid over the rest.
HOLDS = {
    "without_normalisation": "networks without batch norm",
    "small": "networks that see at most 64 pixels a side",
    "grey": "grey images",
    "numbers": "images with numbers, not classes",
}


@dataclass(frozen=True, kw_only=True)
class RecipeText(Readable):
    """A recipe to be read, or changed and used.

    Attributes:
        toml: all of it, with comments: what a recipe's file may hold.
        values: the same as plain values, with the tables that hold for some networks and images.
    """

    toml: str
    values: Mapping[str, Any]

    def summary(self) -> str:
        """The TOML."""
        return self.toml.rstrip()

    def to_json(self) -> dict[str, Any]:
        """The values."""
        return dict(self.values)


def printed(
    table: Mapping[str, Any],
    overlays: Mapping[str, Mapping[str, Any]],
    *,
    about: str,
    extends: str | None = None,
) -> RecipeText:
    """The recipe of `table`, whole; of one that `extends` another, what it says itself.

    Args:
        table: the values, by the names of the fields.
        overlays: the tables that hold for some networks and images, by name.
        about: what the recipe is, in a sentence.
        extends: the name or path of the recipe below.
    """
    recipe = dict(table) if extends else _whole(table)
    lines = [*_comment(about), ""]
    if extends:
        lines += [f"extends = {_value(extends)}", ""]
    lines += _table("", recipe)
    for name, values in overlays.items():
        lines += ["", *_comment(f"Laid over the rest for {holds_for(name)}:"), ""]
        lines += _table(name, values, commented=False)
    plainly = {**({"extends": extends} if extends else {}), **recipe}
    # A table that holds nothing but others begins with theirs.
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"
    return RecipeText(toml=text, values={**plainly, **_nested(overlays)})


def _whole(table: Mapping[str, Any]) -> dict[str, Any]:
    recipe = Recipe.from_dict(table, "the recipe")
    return under_field_names(Recipe, recipe.to_dict())


def _nested(overlays: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`overlays` as a file has them: those of families within a table of their own."""
    found: dict[str, Any] = {}
    for name, values in overlays.items():
        where, _, family = name.partition(".")
        (found.setdefault(where, {}) if family else found)[family or where] = dict(values)
    return found


def holds_for(overlay: str) -> str:
    """Which networks and images the table called `overlay` is for."""
    family = overlay.removeprefix("family.")
    if family == overlay:
        return HOLDS[overlay]
    if family.endswith("_bn"):
        return f"networks of the family {family.removesuffix('_bn')} with batch norm"
    return f"networks of the family {family}"


def _table(name: str, values: Mapping[str, Any], *, commented: bool = True) -> Iterator[str]:
    """The lines of a table, `name`, of a recipe, and of those within it."""
    hints: dict[str, Any] = get_type_hints(Recipe)
    if name and not all(is_dataclass(hints[key]) for key in values):
        yield f"[{name}]"
    said = key_docs(Recipe) if commented else {}
    for each in fields(Recipe):
        if not is_dataclass(hints[each.name]) and each.name in values:
            yield from _key(each.name, values[each.name], said)
    for each in fields(Recipe):
        table = hints[each.name]
        if not is_dataclass(table) or not values.get(each.name):
            continue
        yield from ("", f"[{name}.{each.name}]" if name else f"[{each.name}]")
        below, said = values[each.name], key_docs(table) if commented else {}
        for key in fields(table):
            if key.name in below:
                yield from _key(key.name, below[key.name], said)
            elif commented and key.default is None:
                yield from (*_comment(said.get(key.name, "")), f"# {key.name} = …")


def _key(name: str, value: Any, said: Mapping[str, str]) -> Iterator[str]:
    if name in said:
        yield from _comment(said[name])
    yield f"{name} = {_value(value)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _value(value: Any) -> str:
    """`value` as TOML, a short list on one line."""
    if isinstance(value, (list, tuple)):
        parts = [_value(each) for each in value]
        line = f"[{', '.join(parts)}]"
        if len(line) <= _WIDTH:
            return line
        return "\n".join(["[", *(f"    {part}," for part in parts), "]"])
    return tomli_w.dumps({"value": value}).strip().removeprefix("value = ")
