"""A run's page: one HTML file that needs nothing else, opens anywhere and asks no network.

Read in this order: ``build`` (what goes into the page and how it is written), ``inputs`` (what the
page needs to know of a run), ``svg``, ``charts`` and ``curves`` (figures), ``confusion`` and
``pictures`` (mistakes and the images behind them), ``health`` (gradients), ``words`` (numbers and
sentences), and ``templates/`` (the page itself).
"""
