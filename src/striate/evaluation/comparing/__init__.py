"""Classifiers side by side on the same held-out images.

Read in this order: ``paired`` (the statistics), ``sides`` (what is compared, and on which images),
``compare`` (all of it), ``differing`` (settings that differ), ``terminal``.
"""
