"""How good a classifier is.

Read in this order: ``metrics`` (probabilities to figures), ``evaluate`` (a classifier or a run to
figures).
"""
