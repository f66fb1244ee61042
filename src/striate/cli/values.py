"""What a person types for values that are more than a word or a number."""

from __future__ import annotations

from typing import Any


def read_numbers(text: str) -> tuple[float, ...]:
    """``0.3,0.3``.

    Raises:
        StriateError: one of them is no number.
    """
    from striate.training.losses import parse_weights

    return parse_weights(text)


def read_whole_numbers(text: str) -> tuple[int, ...]:
    """``256,288``.

    Raises:
        StriateError: one of them is no whole number.

    Examples:
        >>> read_whole_numbers("256, 288")
        (256, 288)
    """
    from striate.errors import StriateError
    from striate.support.text import printable

    found = []
    for each in text.split(","):
        try:
            found.append(int(each))
        except ValueError:
            why = "is no whole number"
            raise StriateError(f"'{printable(each.strip())}'", why, "e.g. 256,288") from None
    return tuple(found)


def read_names(text: str) -> list[str]:
    """``batch,height``; ``none`` is none at all.

    Examples:
        >>> read_names("batch, height"), read_names("none")
        (['batch', 'height'], [])
    """
    return [] if text == "none" else [each.strip() for each in text.split(",") if each.strip()]


def read_pairs(texts: list[str]) -> dict[str, Any]:
    """``["auxiliary=no", "dropout=0.4"]``.

    Raises:
        NetworkError: one of them is not ``name=value``, or a name comes twice.
    """
    from striate.zoo.variants import read

    return read(texts)


def read_set(texts: list[str]) -> dict[str, Any]:
    """``["optimiser.rate=0.01", "optimiser.name=adamw"]``.

    Raises:
        RecipeError: one of them is not ``key=value``, or a key comes twice.
    """
    from striate.recipes.settings import read_settings

    return read_settings(texts)
