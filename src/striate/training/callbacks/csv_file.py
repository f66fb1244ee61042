"""A line of CSV for each epoch, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from typing import Any

from striate.runs.layout import TABLE
from striate.support.files import write_atomically
from striate.training.callbacks.base import EpochEnd, TrainBegin
from striate.training.callbacks.figures import figures_of
from striate.training.callbacks.tracker import Tracker


class CSVFile(Tracker):
    """Writes ``RUN/metrics.csv``: epoch, step, losses, accuracies or errors, rate and speed."""

    name, title, whole = "csv", "The CSV file", True

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[dict[str, Any]] = []

    def begin(self, training: TrainBegin, known_as: str) -> str:
        """Begin anew, with all epochs that are done."""
        self._rows, self._path = [], training.run / TABLE
        return TABLE

    def write(self, epoch: EpochEnd) -> None:
        """Write the file, whole or not at all, with one line more."""
        figures = figures_of(epoch, health=False)
        row = {"epoch": epoch.epoch, "step": epoch.step, "seconds": epoch.seconds, **figures}
        self._rows.append(row)
        text = io.StringIO()
        written = csv.DictWriter(text, list(row), lineterminator="\n")
        written.writeheader()
        written.writerows(self._rows)
        write_atomically(self._path, text.getvalue().encode())
