"""Recipes, to be read and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.errors import StriateError, parameter
from striate.recipes.options import RecipeOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.recipes.listed import RecipeList
    from striate.recipes.printed import RecipeText


@takes(RecipeOptions)
def recipe(options: RecipeOptions) -> RecipeText | RecipeList:
    """A recipe as TOML, with what every key decides, or the list of the recipes.

    The TOML reads as the same recipe: saved as a file, and changed, it is one of your own.

    Returns:
        With a name, the recipe: whole, with the tables that hold for some networks and images; for
        `net`, all of it as it is for that network; of a file that extends another, what it says
        itself. Without a name, the recipes that there are. Both are read by `print`.

    Raises:
        StriateError: there is no such recipe, file or network, or the file is no recipe; or an
            option asks for a part of it that is not shown.
    """
    from striate.recipes.listed import list_recipes
    from striate.recipes.show import of_network, whole

    if options.recipe is None:
        for name in ("net", "size"):
            if (given := getattr(options, name)) is not None:
                why = "is for one recipe, and none is named"
                raise StriateError(parameter(name, given), why, "name it, such as modern")
        return list_recipes()
    if options.net is None:
        if options.size is not None:
            why = "is that of a network's input, and none is named"
            raise StriateError(parameter("size", options.size), why, f"give {parameter('net')} too")
        return whole(str(options.recipe))
    from striate.hub.subject import recipe_names, subject
    from striate.training.plan import has_batch_norm

    known = subject(options.net, size=options.size)
    return of_network(
        str(options.recipe),
        known.name,
        recipe_names(known.name),
        known.input,
        size=options.size or known.input[1],
        normalised=has_batch_norm(known.shapes()),
    )
