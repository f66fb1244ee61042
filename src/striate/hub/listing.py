"""Which networks a person means by a pattern, and in which order."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from striate.errors import NetworkError, StriateError, nearest, parameter
from striate.hub.figures import figures
from striate.support.paths import exists, expanded
from striate.support.text import printable
from striate.zoo.options import ListNetworksOptions
from striate.zoo.published import IMAGENET, Figure, comparable


class Listed(Protocol):
    """A network as lists tell it: of the catalogue, or of a package."""

    @property
    def name(self) -> str:
        """What a person writes for it."""

    @property
    def family(self) -> str:
        """Of its paper."""

    @property
    def year(self) -> int:
        """Of its paper."""

    @property
    def parameters(self) -> int:
        """What training changes."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""


N = TypeVar("N", bound=Listed)


def published_error(name: str) -> tuple[str, str, Figure] | None:
    """Data set, measure (``top1``, ``top5``) and figure of what was published of a network."""
    data, measure, found = comparable({name: figures(name)})
    return (data, measure, found[name]) if name in found else None


def _error(network: Listed) -> float | None:
    """The published top-1 error of ImageNet, the only one that most networks have."""
    data, measure, figure = published_error(network.name) or ("", "", None)
    return figure.top1 if figure and (data, measure) == (IMAGENET, "top1") else None


#: What networks are sorted by; None where it is not known. Families stand as they are listed.
KEYS: Mapping[str, Callable[[Listed], Any] | None] = {
    "family": None,
    "year": lambda each: each.year,
    "name": lambda each: each.name,
    "parameters": lambda each: each.parameters,
    "macs": lambda each: each.macs,
    "error": _error,
}


def chosen(networks: Sequence[N], options: ListNetworksOptions) -> tuple[N, ...]:
    """Those of `networks` that `options` ask for, in that order.

    Raises:
        StriateError: a pattern takes none of them, or there is no such order.
    """
    key, falling = options.sort.removeprefix("-"), options.sort.startswith("-")
    if key not in KEYS:
        raise StriateError(parameter("sort", options.sort), "is no order", nearest(key, KEYS))
    patterns = options.patterns
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in patterns:
        if not any(_takes(pattern, each) for each in networks):
            _refuse(pattern, networks)
    found = [
        each
        for each in networks
        if not patterns or any(_takes(pattern, each) for pattern in patterns)
    ]
    value = KEYS[key]
    if value is None:
        return tuple(reversed(found) if falling else found)
    known = [each for each in found if value(each) is not None]
    known.sort(key=value, reverse=falling)
    return (*known, *(each for each in found if value(each) is None))


def _takes(pattern: str, network: Listed) -> bool:
    wanted = pattern.lower()
    if any(mark in wanted for mark in "*?["):
        return fnmatch.fnmatchcase(network.name, wanted)
    return wanted in network.name or wanted in network.family.lower()


def _refuse(pattern: str, networks: Sequence[Listed]) -> None:
    remedy = nearest(pattern, [each.name for each in networks])
    if exists(expanded(pattern)):  # the shell put it there
        remedy = "it is a file: quote patterns, such as 'res*'"
    raise NetworkError(f"'{printable(pattern)[:80]}'", "no network is called so", remedy)
