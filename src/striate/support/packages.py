"""Packages that not every installation has, imported without their telling anybody."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from striate.errors import StriateError

#: What OpenVINO's converter, which comes with ``import openvino``, reports with. Where it cannot be
#: imported, the converter has a stand-in that does nothing.
_OPENVINO_REPORTS = "openvino_telemetry"
#: ONNX Runtime asks for it once, while it is imported.
_ONNXRUNTIME_SILENT = "ORT_DISABLE_TELEMETRY"

_one_at_a_time = threading.RLock()


def installed(module: str) -> bool:
    """Whether there is a package `module` to import.

    Python takes any folder of that name, such as the ``wandb`` that trackers leave where they ran,
    for a package without files; that is none.
    """
    found = find_spec(module)
    return found is not None and found.origin is not None


def need(
    module: str, *, purpose: str, extra: str, kind: type[StriateError] = StriateError
) -> ModuleType:
    """Import `module`, which is needed to do `purpose` and which the extra `extra` installs.

    Raises:
        StriateError: of `kind`; it cannot be imported.
    """
    try:
        with unreported():
            found = importlib.import_module(module)
        place = getattr(found, "__spec__", None)
        if place is not None and place.origin is None:
            folder = next(iter(found.__path__))
            raise ImportError(f"{folder} is a folder of that name, and no package")
        return found
    except ImportError as error:
        said = " ".join(str(error).split())
        raise kind(
            f"the package {module}",
            f"is needed to {purpose}, and cannot be imported ({said})",
            f"install it with `pip install 'striate[{extra}]'`",
        ) from error


@contextmanager
def unreported() -> Iterator[None]:
    """Keep what is imported while the block runs from reporting that it is used.

    As they come, ``import openvino`` asks for an address of Google's and writes an id into the
    home folder, and ``import onnxruntime`` writes an id and events that it is going to send. What
    was imported before, or is set in the environment by the person, stays as it is.
    """
    with _one_at_a_time:
        chosen = _ONNXRUNTIME_SILENT in os.environ
        known = sys.modules.get(_OPENVINO_REPORTS)
        if not chosen:
            os.environ[_ONNXRUNTIME_SILENT] = "1"
        sys.modules[_OPENVINO_REPORTS] = None  # type: ignore[assignment]  # "is not to be found"
        try:
            yield
        finally:
            if known is None:
                sys.modules.pop(_OPENVINO_REPORTS, None)
            else:
                sys.modules[_OPENVINO_REPORTS] = known
            if not chosen:
                os.environ.pop(_ONNXRUNTIME_SILENT, None)
