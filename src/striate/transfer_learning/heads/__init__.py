"""Heads fitted to features: softmax regression and SVMs, with C found by cross-validation."""
