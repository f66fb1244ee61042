"""The pages that people look at: one HTML file each, which needs nothing else and opens anywhere.

``network_page`` writes that of a network, which `striate.anatomy.view` draws; all else is a run's.
Read in this order: ``build`` (what goes into a run's page and how it is written), ``inputs`` (what
the page takes from a run), ``sections`` (its sentences), ``charts`` and ``curves`` (figures),
``confusion`` and ``pictures`` (mistakes and the images behind them), ``health`` (gradients),
``transfer`` and ``transfer_curves`` (heads), and ``templates/`` (the page itself).
"""
