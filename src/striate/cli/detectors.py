"""Commands that take runs and detectors alike: which one is meant, and what may be said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from striate.cli.options import Given
from striate.errors import StriateError, parameter
from striate.support.options import options_of

#: How files of weights are called, by which one that is not there is taken for one.
_SUFFIXES = (".weights", ".pth", ".pt", ".safetensors", ".h5")


def is_detector(run: str | Path, weights: str | Path | None) -> bool:
    """Whether `run` is a detector's weights, its exported file, or, with `weights`, its name."""
    from striate.engines.exported import is_exported
    from striate.support.paths import expanded, is_file, is_folder

    path = expanded(run)
    if is_folder(path):
        return False
    if is_exported(path):
        from striate.detection.exported import is_detector_file

        return is_detector_file(path)
    return weights is not None or is_file(path) or path.suffix.lower() in _SUFFIXES


def chosen(given: Given, typed: Any, kind: Any, what: str) -> Given:
    """What of `given` belongs to the options `kind`, of a command that has those of `typed`.

    Args:
        given: what was typed; the first argument, ``run``, is called ``model`` of a detector.
        typed: a class of options.
        kind: another, whose options are among those of `typed`.
        what: is meant by the first argument, for people.

    Raises:
        StriateError: something is given that has no place there.
    """
    own = {each.name for each in options_of(kind)}
    values = given | {"model": given["run"]}
    for each in options_of(typed):
        if each.name in own or each.name == "run":
            continue
        value = given.get(each.name, each.default)
        default = list(each.default) if isinstance(each.default, tuple) else each.default
        if (list(value) if isinstance(value, tuple) else value) != default:
            raise StriateError(
                parameter(each.name, value if isinstance(value, str | int | float) else None),
                f"does not go with {what}",
                "leave it out",
            )
    return {name: value for name, value in values.items() if name in own}
