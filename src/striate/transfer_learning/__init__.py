"""From a network that has learned one thing to a classifier of another.

Read in this order: ``backbone`` (a network with weights, without its classifier, and the
pre-processing that it was trained with), ``cache`` and ``kept`` (what stays on disk), ``features``
(the embedding of every image, computed once), ``validation`` and ``heads`` (what is fitted to
them), ``filling`` (into modules), ``transfer`` (all of it, to a run), ``curve`` (what more would
give), ``options`` and ``result`` (what goes in and comes out).
"""
