"""Striate: the classic convolutional networks, from a folder of images to a classifier.

Everything named here is documented in `striate.api`; nothing is loaded before it is used. From a
folder of images to answers::

    import striate

    result = striate.train("photos/", net="googlenet_bn", size=128)
    striate.predict(result.run, ["photos/new.jpg"])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.api import (
        bench,
        cache,
        calibrate,
        check,
        compare,
        compare_runs,
        create,
        create_run,
        detect,
        ensemble,
        evaluate,
        evaluate_detector,
        explain,
        explain_prediction,
        export,
        export_detector,
        list_experiments,
        list_networks,
        list_runs,
        open_classifier,
        open_predictor,
        open_regressor,
        open_run,
        predict,
        predict_bulk,
        quantise,
        recipe,
        report_experiment,
        run_experiment,
        serve,
        show,
        table,
        train,
        transfer,
        view,
        what_if,
    )
    from striate.errors import StriateError
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor
    from striate.training.callbacks.base import Callback
    from striate.zoo.layers import Network

    __version__: str

__all__ = [
    "Callback",
    "Classifier",
    "Network",
    "Regressor",
    "StriateError",
    "__version__",
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

#: Where that is which is no function of `striate.api`.
_ELSEWHERE = {
    "Callback": "striate.training.callbacks.base",
    "Classifier": "striate.inference.classifier",
    "Network": "striate.zoo.layers",
    "Regressor": "striate.inference.regressor",
    "StriateError": "striate.errors",
}


def __getattr__(name: str) -> Any:
    """Load a public function at its first use, so that importing the package costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'striate' has no attribute '{name}'")
    if name == "__version__":
        from importlib.metadata import version

        return version("striate")
    return getattr(import_module(_ELSEWHERE.get(name, "striate.api")), name)


def __dir__() -> list[str]:
    return __all__
