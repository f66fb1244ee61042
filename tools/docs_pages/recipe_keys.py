"""The page on the keys of a recipe, made of the dataclasses that read it."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from striate.recipes.key_docs import key_docs
from striate.recipes.recipe import Recipe

HEAD = """# Keys of a recipe

Every key that a recipe's TOML file may have, as the program reads it: what is not here is refused,
with the nearest name. [Recipes](recipes.md) explains what they are for.
"""
COLUMNS = "| key | values | default | |\n|:--|:--|:--|:--|\n"


def recipe_keys() -> str:
    """The page."""
    parts = [HEAD]
    tables = [each for each in fields(Recipe) if is_dataclass(_hints(Recipe)[each.name])]
    own = [each for each in fields(Recipe) if each not in tables]
    parts.append(f"\n## The recipe itself\n\n{_first(Recipe)}\n\n{_table(Recipe, own)}")
    for each in tables:
        kind = _hints(Recipe)[each.name]
        parts.append(f"\n## `[{each.name}]`\n\n{_first(kind)}\n\n{_table(kind, fields(kind))}")
    return "".join(parts)


def _first(kind: Any) -> str:
    """What a class is, without the name that its heading has already."""
    text = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    _, colon, rest = text.partition("]``: ")
    return (rest[0].upper() + rest[1:] if colon else text).replace("``", "`")


def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _table(kind: Any, own: Any) -> str:
    hints, said = _hints(kind), key_docs(kind)
    rows = [
        f"| `{each.name}` | {_values(hints[each.name])} | {_default(each)} | "
        f"{_cell(said.get(each.name, ''))} |\n"
        for each in own
    ]
    return COLUMNS + "".join(rows)


def _cell(text: str) -> str:
    """What a key decides, without its choices, which have a column; marks of Markdown are text."""
    text = re.sub(r"\s*One of [^.]*\.$", "", text)
    return re.sub(r"([|*_`<\[])", r"\\\1", text)


def _values(hint: Any) -> str:
    """What a key may hold, in words; its range stands with what it decides."""
    words = [word for part in (hint, *get_args(hint)) for word in _words(part)]
    return ", ".join(f"`{word}`" for word in words) if words else _kind(hint)


def _words(hint: Any) -> list[str]:
    return [str(word) for word in get_args(hint)] if get_origin(hint) is Literal else []


def _kind(hint: Any) -> str:
    names = {int: "whole number", float: "number", bool: "`true`, `false`", str: "text"}
    if hint in names:
        return names[hint]
    inner = [part for part in get_args(hint) if part not in (type(None), ...)]
    if get_origin(hint) is tuple:
        fixed = len(inner) if ... not in get_args(hint) else 0
        many = f"{fixed} " if fixed else ""
        return f"list of {many}{_kind(inner[0])}s"
    return " or ".join(dict.fromkeys(_kind(part) for part in inner)) or str(hint)


def _default(one: Field[Any]) -> str:
    value = one.default
    if value is MISSING:
        return "required" if one.default_factory is MISSING else ""
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f"`{value!r}`".replace("'", '"')
