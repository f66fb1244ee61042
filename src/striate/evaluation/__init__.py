"""How good a network is, and what it says about an image.

Read in this order: ``predict`` (images to probabilities), ``metrics`` (probabilities to figures).
"""
