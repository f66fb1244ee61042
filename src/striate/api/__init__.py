"""The public functions, which the commands, notebooks and experiments call.

Each does what the command of the same name does and returns what that prints. All raise
`striate.StriateError` where the caller's input is at fault.
"""

from __future__ import annotations

from striate.api.bulk import predict_bulk
from striate.api.explaining import explain_prediction
from striate.api.exporting import export
from striate.api.measuring import bench, evaluate
from striate.api.networks import (
    compare,
    create,
    create_run,
    explain,
    list_networks,
    table,
    view,
    what_if,
)
from striate.api.runs import list_runs
from striate.api.shipping import quantise
from striate.api.training import check, train
from striate.api.transfer_learning import cache, transfer
from striate.api.using import open_classifier, open_run, predict, serve

__all__ = [
    "bench",
    "cache",
    "check",
    "compare",
    "create",
    "create_run",
    "evaluate",
    "explain",
    "explain_prediction",
    "export",
    "list_networks",
    "list_runs",
    "open_classifier",
    "open_run",
    "predict",
    "predict_bulk",
    "quantise",
    "serve",
    "table",
    "train",
    "transfer",
    "view",
    "what_if",
]
