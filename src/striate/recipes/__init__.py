"""Recipes: what a training decides, one TOML file a recipe, and the classes that read them."""
