"""``striate create-run``: a run of a network as it is, without training."""

from __future__ import annotations

import json
from dataclasses import asdict

from striate.cli.options import AsJson, Given, command
from striate.runs.options import CreateRunOptions


@command(CreateRunOptions, out=("--out",))
def create_run(given: Given, as_json: AsJson = False) -> None:
    """Make a run of published weights, without training.

    So that predict, evaluate and export work on them.
    """
    from striate import api

    run = api.create_run(**given)
    config = run.config
    if as_json:
        found = {
            "run": str(run.path),
            "network": config.network,
            "classes": len(config.classes),
            "input": list(config.preprocessing.input_size),
            "weights": asdict(config.weights) if config.weights else None,
        }
        print(json.dumps(found))
        return
    channels, height, width = config.preprocessing.input_size
    print(f"{run.path}")
    print(f"  {config.network}, {len(config.classes)} classes, {channels} × {height} × {width}")
    if config.weights:
        print(f"  weights: {config.weights.name}")
        if config.weights.note:
            print(f"  {config.weights.note}")
    else:
        print("  random weights: it has learned nothing yet")
