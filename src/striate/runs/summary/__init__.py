"""One run in a terminal or a notebook, without its images.

Read in this order: ``summary`` (what is known of it), ``mistakes`` (its wrong predictions),
``curves`` (learning curves in characters), ``terminal``.
"""
