"""``striate evaluate``: how good a run is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from striate.cli.options import AsJson, Given, command
from striate.evaluation.options import EvaluateOptions

if TYPE_CHECKING:
    from striate.evaluation.metrics import Evaluation


@command(EvaluateOptions, all_images=("--all",))
def evaluate(given: Given, as_json: AsJson = False) -> None:
    """Measure a run on held-out images.

    Top-1, top-5, loss, calibration, figures of each class, confusion.
    """
    from striate import api

    found = api.evaluate(**given, progress=True)
    if as_json:
        print(json.dumps(found.to_json(), allow_nan=False))
    else:
        _show(found, given["data"])


def _show(found: Evaluation, data: str | None) -> None:
    from rich.console import Console

    if found.left_out and data is not None:
        images = "image" if found.left_out == 1 else "images"
        print(
            f"note: {found.left_out:,} {images} left out: trained on (--all measures on them too)"
        )
    found.show(Console(highlight=False))
