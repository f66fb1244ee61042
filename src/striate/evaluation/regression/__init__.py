"""How good predicted numbers are: figures, intervals that cover what they promise, and their pages.

Read in this order: ``metrics``, ``bootstrap`` (how sure they are), ``conformal`` (prediction
intervals), ``result``. All of it is NumPy on values and predictions.
"""
