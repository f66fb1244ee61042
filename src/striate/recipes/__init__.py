"""What a training decides: one TOML file a recipe, and the classes that read them.

``recipe`` says what a recipe is, ``load`` lays the one for a network and its images together.
"""
