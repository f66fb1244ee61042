"""Files of arrays with a note: safetensors, with one JSON value among its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

_KEY = "striate"

DAMAGED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What is raised by `arrays_in`, and by whoever makes something of what a damaged file holds."""


def array_file(arrays: Mapping[str, NDArray[Any]], note: Mapping[str, Any]) -> bytes:
    """The content of a file of `arrays`, which are contiguous, and a `note` of plain values."""
    from safetensors.numpy import save

    # One value, since safetensors writes several in no fixed order.
    return save(dict(arrays), metadata={_KEY: json.dumps(note, sort_keys=True)})


def arrays_in(content: bytes) -> tuple[dict[str, NDArray[Any]], Any]:
    """The arrays in a file, and its note, which may be anything.

    Raises:
        ValueError: or another of `DAMAGED`: it is none that `array_file` made.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    size = int.from_bytes(content[:8], "little")
    return arrays, json.loads(json.loads(content[8 : 8 + size])["__metadata__"][_KEY])
