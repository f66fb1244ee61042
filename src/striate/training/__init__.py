"""Training: from a recipe and images to a run.

Read in this order: ``options`` (what a person may decide), ``plan`` (from those to the decisions of
one run; ``resume`` and ``assemble`` beside it), ``loop`` (the loop itself), and then its parts:
``losses``, ``optimisers``, ``schedules``, ``averaging``, ``freezing``, ``validate``, ``health``,
``checkpoint`` (what a killed run goes on from), ``results`` (what others read), ``distributed``,
``callbacks`` (who is called meanwhile; ``events`` makes what they are given).
"""
