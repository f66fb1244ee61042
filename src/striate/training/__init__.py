"""Training: from a recipe and images to a run.

Read in this order: ``recipe`` (what can be decided, and the TOML files under ``recipes/``),
``plan`` (from a command's options to the decisions of one run; ``resume`` and ``assemble`` beside
it), ``loop`` (the loop itself), and then its parts: ``losses``, ``optimisers``, ``schedules``,
``averaging``, ``health``, ``checkpoint``, ``distributed``, ``progress``.
"""
