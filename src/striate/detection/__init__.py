"""Detectors: images in, boxes with classes and scores out."""
