"""How good a classifier is.

Read in this order: ``metrics`` (probabilities to figures) with ``ranking`` (curves, coverage) and
``temperature`` (calibration), ``evaluate`` (a classifier or a run to figures), ``calibrate``.
For numbers instead of classes: ``regression/``.
"""
