"""``striate train``: from a folder of images to a run."""

from __future__ import annotations

import json

from striate.cli.options import AsJson, Given, command
from striate.training.options import TrainOptions


@command(TrainOptions, net=("--net", "--model"))
def train(given: Given, as_json: AsJson = False) -> None:
    """Train a network on images, evaluate and report it."""
    from striate import api

    result = api.train(**given, progress=True)
    if not result:  # a process that does not lead
        return
    print(json.dumps(result.to_json()) if as_json else result.summary())
