"""Sizes and positions as a person types them."""

from __future__ import annotations

import re

from striate.errors import NetworkError, parameter


def read_size(text: str | None) -> int | tuple[int, int] | None:
    """``224``, or ``200x320`` (height, width); None stays None.

    Raises:
        NetworkError: it is neither.

    Examples:
        >>> read_size("224"), read_size("200x320")
        (224, (200, 320))
    """
    return None if text is None else _numbers(text, "x", "size", "224, or HEIGHTxWIDTH")


def read_position(text: str | None) -> tuple[int, int] | None:
    """``ROW,COLUMN``; one number is both; None stays None.

    Raises:
        NetworkError: it is no position.

    Examples:
        >>> read_position("3,4")
        (3, 4)
    """
    if text is None:
        return None
    found = _numbers(text, ",", "at", "ROW,COLUMN, both from 0")
    return found if isinstance(found, tuple) else (found, found)


def _numbers(text: str, between: str, name: str, wanted: str) -> int | tuple[int, int]:
    parts = text.lower().replace("×", "x").split(between)
    if len(parts) > 2 or not all(re.fullmatch(r" *[0-9]{1,6} *", part) for part in parts):
        raise NetworkError(parameter(name, text), "is not understood", f"give {wanted}")
    values = [int(part) for part in parts]
    return values[0] if len(values) == 1 else (values[0], values[1])
