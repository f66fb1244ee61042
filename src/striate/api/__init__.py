"""The public functions, which the commands, notebooks and experiments call.

Each does what the command of the same name does and returns what that prints. All raise
`striate.StriateError` where the caller's input is at fault.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.api.boxes import evaluate_detector, export_detector
    from striate.api.bulk import predict_bulk
    from striate.api.calibrating import calibrate
    from striate.api.detecting import detect
    from striate.api.ensembles import ensemble
    from striate.api.explaining import explain_prediction
    from striate.api.exporting import export
    from striate.api.lab import list_experiments, report_experiment, run_experiment
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
    from striate.api.opening import (
        open_classifier,
        open_predictor,
        open_regressor,
        open_run,
    )
    from striate.api.recipes import recipe
    from striate.api.runs import compare_runs, list_runs, show
    from striate.api.shipping import quantise
    from striate.api.training import check, train
    from striate.api.transfer_learning import cache, transfer
    from striate.api.using import predict, serve

__all__ = [
    "bench",
    "cache",
    "calibrate",
    "check",
    "compare",
    "compare_runs",
    "create",
    "create_run",
    "detect",
    "ensemble",
    "evaluate",
    "evaluate_detector",
    "explain",
    "explain_prediction",
    "export",
    "export_detector",
    "list_experiments",
    "list_networks",
    "list_runs",
    "open_classifier",
    "open_predictor",
    "open_regressor",
    "open_run",
    "predict",
    "predict_bulk",
    "quantise",
    "recipe",
    "report_experiment",
    "run_experiment",
    "serve",
    "show",
    "table",
    "train",
    "transfer",
    "view",
    "what_if",
]

#: The functions of each module, which is loaded when one of them is called: all together take
#: longer to import than a photograph takes to be classified.
_MODULES = {
    "boxes": ("evaluate_detector", "export_detector"),
    "bulk": ("predict_bulk",),
    "calibrating": ("calibrate",),
    "detecting": ("detect",),
    "ensembles": ("ensemble",),
    "explaining": ("explain_prediction",),
    "exporting": ("export",),
    "lab": ("list_experiments", "report_experiment", "run_experiment"),
    "measuring": ("bench", "evaluate"),
    "networks": (
        "compare",
        "create",
        "create_run",
        "explain",
        "list_networks",
        "table",
        "view",
        "what_if",
    ),
    "opening": ("open_classifier", "open_predictor", "open_regressor", "open_run"),
    "recipes": ("recipe",),
    "runs": ("compare_runs", "list_runs", "show"),
    "shipping": ("quantise",),
    "training": ("check", "train"),
    "transfer_learning": ("cache", "transfer"),
    "using": ("predict", "serve"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'striate.api' has no attribute '{name}'")
    return getattr(import_module(f"striate.api.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
