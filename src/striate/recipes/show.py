"""From the name of a recipe, or its file, to its text."""

from __future__ import annotations

from striate.errors import RecipeError, parameter
from striate.recipes.load import NAMES, extended_file, find, load_recipe, read_layer
from striate.recipes.printed import RecipeText, printed
from striate.recipes.recipe import Recipe
from striate.support.tables import under_field_names
from striate.support.text import printable

#: A network and its family that a recipe is tried with, for none in particular.
_ANY = ("resnet18", "resnet")


def whole(name: str) -> RecipeText:
    """The recipe called `name`, for any network; of one that extends another, what it says itself.

    Raises:
        RecipeError: no such recipe or file, no recipe, or one for a network at a time.
    """
    if name == "classic":
        raise RecipeError(
            name,
            "is another recipe for each network",
            f"say which by {parameter('net')}",
        )
    network, family = _ANY
    # It must be one.
    load_recipe(name, network=network, family=family, normalised=True, grey=False, small=False)
    path = find(name, network, family)
    layer, extends = read_layer(path), None
    if layer.extends is not None:
        named = layer.extends in NAMES
        extends = layer.extends if named else str(extended_file(path, layer.extends))
    about = (
        f"The recipe {printable(name)}: every key and what it decides. Save it, change it, and "
        "train with --recipe FILE; what a file leaves out has its default."
    )
    if extends:
        about = f"The recipe {printable(name)}: what it says itself, beside what it extends."
    return printed(layer.table, layer.overlays, about=about, extends=extends)


def of_network(
    name: str,
    network: str,
    like: tuple[str, str],
    shape: tuple[int, int, int],
    *,
    size: int,
    normalised: bool,
) -> RecipeText:
    """The recipe called `name` as it is for a network.

    Args:
        name: as `load_recipe` takes it.
        network: for people.
        like: the catalogue's network by whose paper it is trained, and the family.
        shape: (channels, height, width) of its input.
        size: side of its input in pixels.
        normalised: whether it has batch norm.

    Raises:
        RecipeError: no such recipe or file, no recipe, or none for this network.
    """
    grey = shape[0] == 1
    found = load_recipe(
        name,
        network=like[0],
        family=like[1],
        normalised=normalised,
        grey=grey,
        small=size <= 64,
    ).at_size(size, shape[1])
    colours = "grey" if grey else "colour"
    about = (
        f"The recipe {printable(name)} for {printable(network)} and {colours} images "
        f"of {size} x {size} pixels: every key and what it decides."
    )
    return printed(under_field_names(Recipe, found.to_dict()), {}, about=about)
