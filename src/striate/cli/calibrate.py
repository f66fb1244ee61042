"""``striate calibrate``: probabilities that can be taken at their word."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.evaluation.options import CalibrateOptions


@command(CalibrateOptions)
def calibrate(given: Given, as_json: AsJson = False) -> None:
    """Make a run's probabilities as high as its accuracy.

    By a temperature, fitted to images that it was not trained on; which class is the likeliest
    stays the same.
    """
    from striate import api

    found = api.calibrate(**given, progress=True)
    print(json.dumps(found.to_json()) if as_json else found.summary())
