"""Exported files, opened as what they are: of classes or of numbers."""

from __future__ import annotations

from pathlib import Path

from striate.engines.exported import open_exported
from striate.inference.classifier import Classifier
from striate.inference.regressor import Regressor


def open_file(
    path: str | Path, *, engine: str = "auto", reduced_decoding: bool = False
) -> Classifier | Regressor:
    """What computes an ONNX file that `striate export` wrote.

    Arguments and errors are those of `Classifier.of_file`.
    """
    file = open_exported(path)
    opened = Regressor.of_opened if file.targets else Classifier.of_opened
    return opened(file, engine=engine, reduced_decoding=reduced_decoding)
