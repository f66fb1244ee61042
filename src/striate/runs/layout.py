"""The files that a run's folder holds, by their names."""

from __future__ import annotations

import stat
from pathlib import Path

from striate.errors import RunError
from striate.support.paths import mode_of

CONFIG = "run.toml"
WEIGHTS = "model.safetensors"
STATE = "last.pt"
METRICS = "metrics.jsonl"
TIMING = "timing.jsonl"
EVALUATION = "evaluation.json"
REPORT = "report.html"
TRANSFER = "transfer.json"
#: A few held-out images, so that an export can be proved wherever the run is.
SAMPLES = "samples.safetensors"
#: Which images it was made with, by their content.
IMAGES = "images.safetensors"
#: The temperature of its probabilities, where they were calibrated.
CALIBRATION = "calibration.json"
#: How far the true numbers lie from its own, as often as each level says.
CONFORMAL = "conformal.json"
#: What the network gave for each held-out image.
PREDICTIONS = "predictions.safetensors"
#: What its classifier sees of some of its images.
EMBEDDINGS = "embeddings.safetensors"
#: What its network costs.
COSTS = "costs.json"
#: What rising rates did to its first steps, where its learning rate was found by that.
RATE_TEST = "rate_test.json"
#: What an ensemble's members came to, one by one and together.
ENSEMBLE = "ensemble.json"
#: The folder of an ensemble's members, which are runs.
MEMBERS = "members"
#: Every file that a run may hold, but for exports, which bear names of their own.
FILES = (
    CONFIG,
    WEIGHTS,
    STATE,
    METRICS,
    TIMING,
    EVALUATION,
    REPORT,
    TRANSFER,
    SAMPLES,
    IMAGES,
    PREDICTIONS,
    EMBEDDINGS,
    COSTS,
    RATE_TEST,
)
#: Where trackers go on with it, and how far they are.
TRACKERS = "trackers.json"
#: A line an epoch, where that was asked for.
TABLE = "metrics.csv"
#: The folder of the code that makes its network, where that is a person's own.
CODE = "code"
#: The folder of TensorBoard's files, where they were asked for.
BOARD = "tensorboard"


def is_run_folder(path: Path) -> bool:
    """Whether `path` holds a run; False for what is not there.

    Raises:
        RunError: no file can have that name, or nobody may look there.
    """
    mode = mode_of(path / CONFIG, kind=RunError)
    return mode is not None and stat.S_ISREG(mode)
