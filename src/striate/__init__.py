"""Striate: the classic convolutional networks, from a folder of images to a classifier.

>>> import striate
>>> network = striate.create("resnet50", classes=5)
>>> result = striate.train("photos/", net="googlenet_bn", size=128)
>>> striate.predict(result.run, ["photos/new.jpg"])

Everything named here is documented in `striate.api`; nothing is loaded before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.api import (
        cache,
        catalogue,
        check,
        compare,
        create,
        create_run,
        evaluate,
        explain,
        export,
        open_run,
        predict,
        table,
        train,
        transfer,
        view,
        what_if,
    )
    from striate.errors import StriateError

__all__ = [
    "StriateError",
    "cache",
    "catalogue",
    "check",
    "compare",
    "create",
    "create_run",
    "evaluate",
    "explain",
    "export",
    "open_run",
    "predict",
    "table",
    "train",
    "transfer",
    "view",
    "what_if",
]


def __getattr__(name: str) -> Any:
    """Load a public function at its first use, so that importing the package costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'striate' has no attribute '{name}'")
    home = "striate.errors" if name == "StriateError" else "striate.api"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
