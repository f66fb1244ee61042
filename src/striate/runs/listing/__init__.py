"""The runs under a folder, from their small files alone.

Read in this order: ``entry`` (a run in a line), ``find`` (which folders are runs), ``select``
(sorted and filtered), ``terminal`` (as a table).
"""
