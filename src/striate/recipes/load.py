"""From the name of a recipe, or a TOML file, to the recipe for one network and its images.

``modern`` is one good recipe for small and middle-sized data on any network, ``classic`` is what
the network's own paper did, ``fine_tuning`` is for transfers. All are TOML files beside this module
and can be copied and changed, or extended: a file that says ``extends = "modern"`` holds only what
it does otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from striate.errors import RecipeError, nearest, parameter
from striate.recipes.recipe import Recipe
from striate.support.paths import expanded, is_file, resolved
from striate.support.tables import laid_over, read_toml, short, under_field_names
from striate.zoo.catalogue import entries

RECIPES = Path(__file__).parent

#: The recipes that have a name; that of ``classic`` is another one for each family.
NAMES = ("modern", "classic", "fine_tuning")

#: Tables that are laid over the rest where they hold, in this order; the family's comes before
#: that of numbers.
OVERLAYS = ("without_normalisation", "small", "grey", "numbers")


def load_recipe(
    name: str,
    *,
    network: str,
    family: str,
    normalised: bool,
    grey: bool,
    small: bool,
    numbers: bool = False,
) -> Recipe:
    """The recipe that `name` stands for.

    A recipe's ``[family.NAME]`` table is laid over the rest for the networks of that family, and
    ``[family.NAME_bn]`` for those of them with batch norm. All these tables are checked, whether
    they hold or not. A file that ``extends`` a recipe is laid over what that comes to for the
    network and its images, so that what it says itself wins over all tables below it.

    Args:
        name: ``modern``, ``classic``, ``fine_tuning`` (for transfers) or the path of a TOML file.
        network: whose paper ``classic`` follows.
        family: the network's, for ``classic`` and for the tables named below ``family``.
        normalised: whether the network has batch norm. A recipe's ``[without_normalisation]`` table
            is laid over the rest where it has none, since such networks take other rates.
        grey: whether the network sees grey images. A recipe's ``[grey]`` table is laid over the
            rest where it does: most such images are characters, which a flip would change.
        small: whether the network sees at most 64 pixels a side. A recipe's ``[small]`` table is
            laid over the rest where it does.
        numbers: whether images have numbers rather than classes. A recipe's ``[numbers]`` table is
            laid over the rest where they have; see `Recipe.for_numbers` for what it leaves.

    Raises:
        RecipeError: no such recipe or file, not TOML, unknown keys, values out of range.
    """
    holding = {
        "without_normalisation": not normalised,
        "small": small,
        "grey": grey,
        f"family.{family}": True,
        f"family.{family}_bn": normalised,
        "numbers": numbers,
    }
    table: dict[str, Any] = {}
    for layer in layers(find(name, network, family), network, family):
        table = laid_over(table, layer.table)
        recipe = Recipe.from_dict(table, layer.where)
        for overlay, values in layer.overlays.items():
            Recipe.from_dict(laid_over(table, values), f"{layer.where} [{overlay}]")
        holds = (each for each, does in holding.items() if does and each in layer.overlays)
        for overlay in holds:
            table = laid_over(table, layer.overlays[overlay])
            recipe = Recipe.from_dict(table, f"{layer.where} [{overlay}]")
    return recipe.for_numbers() if numbers else recipe


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One file of a recipe, without those that it extends."""

    where: str
    """How errors name it."""
    table: dict[str, Any]
    overlays: dict[str, dict[str, Any]]
    """Tables that hold for some networks and images, by name, as found."""
    extends: str | None


def read_layer(path: Path) -> Layer:
    """The file at `path`, without those that it extends.

    Raises:
        RecipeError: it is missing or no recipe's file.
    """
    where = path.name if path.is_relative_to(RECIPES) else str(path)
    table = read_toml(path, kind=RecipeError, remedy="mend that line")
    extends = table.pop("extends", None)
    if extends is not None and not (isinstance(extends, str) and extends):
        what = f"{where}: extends = {short(extends)}"
        raise RecipeError(what, "must be a recipe's name or file", 'e.g. extends = "modern"')
    table.setdefault("name", path.stem.encode("utf-8", "backslashreplace").decode())
    overlays = _take_overlays(table, where)
    return Layer(
        where=where,
        table=under_field_names(Recipe, table),
        overlays={name: under_field_names(Recipe, each) for name, each in overlays.items()},
        extends=extends,
    )


def layers(
    path: Path, network: str, family: str, within: tuple[Path, ...] = ()
) -> tuple[Layer, ...]:
    """The file at `path` after those that it extends, that which extends none first.

    Args:
        path: of a recipe's file.
        network: whose paper ``classic`` follows.
        family: of that network.
        within: the files that extend this one, the one that was asked for first.

    Raises:
        RecipeError: one of them is missing or no recipe, or they extend one another in a circle.
    """
    own = read_layer(path)
    if own.extends is None:
        return (own,)
    what = f"{own.where}: extends = {own.extends!r}"
    if own.extends in NAMES:
        below = find(own.extends, network, family)
    else:
        below = extended_file(path, own.extends)
        if not is_file(below, kind=RecipeError):
            why = f"is neither a recipe nor a file ({below} is not there)"
            raise RecipeError(what, why, f"{nearest(own.extends, NAMES)} or give a .toml file")
    if below in (*within, path):
        raise RecipeError(what, "leads back to this file", "let one of them extend another recipe")
    return (*layers(below, network, family, (*within, path)), own)


def extended_file(path: Path, extends: str) -> Path:
    """The file that the one at `path` extends, resolved, whether it is there or not."""
    return resolved(path.parent / expanded(extends, kind=RecipeError), kind=RecipeError)


def _take_overlays(table: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Take the tables that hold for some networks and images out of `table`: by name, as found.

    Raises:
        RecipeError: one is no table, there is no such family, or a key is unknown.
    """
    known = {each.name for each in fields(Recipe)} | {*OVERLAYS, "family", "extends"}
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: {key}", "is not a key here", nearest(key, known))
    found = {name: table.pop(name) for name in OVERLAYS if name in table}
    families = table.pop("family", {})
    if not isinstance(families, dict):
        remedy = "write [family.NAME] before the values"
        raise RecipeError(f"{where}: family = {short(families)}", "must be a table", remedy)
    names = {entry.family for entry in entries()}
    names |= {f"{family}_bn" for family in names}
    for family, values in families.items():
        if family not in names:
            raise RecipeError(
                f"{where} [family.{family}]", "there is no such family", nearest(family, names)
            )
        found[f"family.{family}"] = values
    for name, values in found.items():
        if not isinstance(values, dict):
            raise RecipeError(
                f"{where}: {name} = {short(values)}",
                "must be a table",
                f"write [{name}] before values",
            )
    return found


def find(name: str, network: str, family: str) -> Path:
    """The file of the recipe called `name`, for a network and its family.

    Raises:
        RecipeError: there is none.
    """
    if name in ("modern", "fine_tuning"):
        return RECIPES / f"{name}.toml"
    if name == "classic":
        for stem in filter(None, (network, family)):
            if ":" not in stem and (path := RECIPES / "classic" / f"{stem}.toml").exists():
                return path
        raise RecipeError(
            f"{parameter('recipe', 'classic')} for {network}",
            "its paper gives no recipe",
            f"take {parameter('recipe', 'modern')}",
        )
    path = resolved(name, kind=RecipeError)
    if is_file(path, kind=RecipeError):
        return path
    if path.suffix == ".toml" or "/" in name:
        raise RecipeError(str(path), "there is no such recipe file", "check the path")
    raise RecipeError(
        parameter("recipe", name),
        "is neither a recipe nor a file",
        nearest(name, ("modern", "classic")) + " or give a .toml file",
    )
