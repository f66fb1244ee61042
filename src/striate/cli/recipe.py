"""``striate recipe``: a recipe to read and change, or the list of them."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.recipes.options import RecipeOptions


@command(RecipeOptions)
def recipe(given: Given, as_json: AsJson = False) -> None:
    """Print a recipe as TOML, with what every key decides.

    Save it, change it and train with it: striate recipe modern > mine.toml. Without a name, the
    recipes are listed.
    """
    from striate import api

    found = api.recipe(**given)
    print(json.dumps(found.to_json(), allow_nan=False) if as_json else found.summary())
