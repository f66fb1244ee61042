"""A network's own choices (``auxiliary``, ``attention`` …), held against its constructor.

The annotations of a constructor say what each choice takes; nothing else does. Text from a command
line becomes a value by `read`, and every value, whoever gave it, passes `checked`.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from striate.errors import NetworkError, nearest, parameter
from striate.support.text import printable

Value = bool | int | float | str | None

#: The keywords of every constructor; the others are its variants.
SIZES = ("classes", "in_channels")

#: Lowest value, and the one that is too much, of choices that are numbers.
RANGES: dict[str, tuple[float, float]] = {"dropout": (0.0, 1.0)}

#: What other libraries call what is asked for in another way here.
_ELSEWHERE = {
    **dict.fromkeys(
        ("num_classes", "n_classes", "nb_classes", "num_labels"),
        "the number of classes is called classes",
    ),
    **dict.fromkeys(
        ("in_chans", "num_channels", "channels", "input_channels"),
        "the channels of the images are called in_channels",
    ),
    **dict.fromkeys(
        ("pretrained", "checkpoint_path", "pretrained_weights"),
        "trained weights are asked for with weights: torchvision, timm or a file",
    ),
    **dict.fromkeys(("drop_rate", "drop", "p"), "the probability of dropout is called dropout"),
    **dict.fromkeys(("aux_logits", "aux", "auxiliary_heads"), "the auxiliary heads: auxiliary"),
}

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
    "none": None,
}


def choices(build: Callable[..., Any]) -> dict[str, Any]:
    """The variants of the network that `build` makes, with their defaults."""
    parameters = inspect.signature(build).parameters
    return {key: each.default for key, each in parameters.items() if key not in SIZES}


def read(given: list[str]) -> dict[str, Value]:
    """``["auxiliary=no", "dropout=0.4"]`` as values: words for yes and no, numbers, other words.

    Raises:
        NetworkError: one of them is not ``name=value``, or a name comes twice.
    """
    found: dict[str, Value] = {}
    for each in given:
        name, equals, text = (part.strip() for part in each.partition("="))
        shown = parameter("variant", each)
        if not (name and equals and text):
            raise NetworkError(shown, "is not name=value", "e.g. auxiliary=true")
        if name in found:
            raise NetworkError(shown, f"{name} is given twice", "give it once")
        found[name] = _WORDS[text.lower()] if text.lower() in _WORDS else _number(text)
    return found


def _number(text: str) -> int | float | str:
    if text.isascii() and "_" not in text:
        for kind in (int, float):
            with suppress(ValueError):
                return kind(text)
    return text


def checked(name: str, build: Callable[..., Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """`variant` as the constructor `build` of the network called `name` takes it.

    What is None and may be so is left out: it is the default wherever it is allowed.

    Raises:
        NetworkError: the network has no such choice, or it takes other values.
    """
    known, kinds = choices(build), _kinds(build)
    found = {}
    for key, value in variant.items():
        if key not in known:
            remedy = _ELSEWHERE.get(key) or (
                nearest(key, known) if known else f"{name} has no variants"
            )
            raise NetworkError(f"variant '{printable(key)}'", f"{name} does not have it", remedy)
        if value is None and NoneType in kinds[key]:
            continue
        found[key] = _fitting(name, key, value, kinds[key])
    return found


@functools.cache
def _kinds(build: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """What each choice may be: types, and the values of a `Literal`."""
    return {key: _flat(hint) for key, hint in get_type_hints(build).items()}


def _flat(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    parts = get_args(hint)  # of a union
    return tuple(kind for part in parts for kind in _flat(part)) if parts else (hint,)


def _fitting(name: str, key: str, value: Any, kinds: tuple[Any, ...]) -> Any:
    """`value` where it is one of `kinds`; an error that says what they are otherwise."""
    what = f"variant {key}={printable(str(value))[:60]}"
    empty = NoneType in kinds
    if bool in kinds:
        if not isinstance(value, bool):
            raise NetworkError(what, f"{name} takes yes or no here", f"give {key}=true or false")
        return value
    if float in kinds:
        low, high = RANGES[key]
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not math.isfinite(value) or not low <= value < high:
            raise NetworkError(
                what, f"{name} takes a number from {low:g} to below {high:g} here", ""
            )
        return float(value)
    words = [kind for kind in kinds if isinstance(kind, str)]
    if not isinstance(value, str) or value not in words:
        listed = ", ".join([*words, *(["none"] if empty else [])])
        close = nearest(value, words) if isinstance(value, str) else ""
        near = close if "did you mean" in close else ""
        raise NetworkError(what, f"{name} takes one of {listed} here", near)
    return value
