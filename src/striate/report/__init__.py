"""The pages that people look at: one HTML file that needs nothing else and opens anywhere.

``network_page`` writes that of a network, which `striate.anatomy.view` draws; all else is a run's.
Read in this order: ``build`` (what goes into the page and how it is written), ``inputs`` (what the
page needs to know of a run), ``svg``, ``charts`` and ``curves`` (figures), ``confusion`` and
``pictures`` (mistakes and the images behind them), ``health`` (gradients), ``words`` (numbers and
sentences), and ``templates/`` (the page itself).
"""
