"""Heads for numbers: ridge regression and support vector regression. Start at ``fit``."""
