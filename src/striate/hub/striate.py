"""The catalogue, as a library among others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from striate.errors import NetworkError, nearest
from striate.hub.library import Library
from striate.support.text import printable
from striate.zoo.catalogue import entries
from striate.zoo.published import Figure, published

if TYPE_CHECKING:
    from striate.zoo.layers import Network


class Catalogue(Library):
    """The networks of this package, which are named without a prefix."""

    name: ClassVar[str] = "striate"
    package: ClassVar[str] = "striate"

    def __init__(self, others: Mapping[str, Library]) -> None:
        """Take `others`, the libraries that may have what this one lacks, by name."""
        self._others = others

    def names(self) -> Sequence[str]:
        """All of `striate.zoo.catalogue`."""
        return [each.name for each in entries()]

    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> Network:
        """See `striate.hub.library.Library.build`; `options` may come from anybody's file."""
        from striate.zoo.create import build

        return build(name, classes=classes, in_channels=in_channels, variant=options)

    def spec(self, name: str) -> str:
        """The name itself."""
        return name

    def title(self, name: str) -> str:
        """The name itself."""
        return name

    def check(self, name: str) -> None:
        """Refuse a network that is not there, saying which library has it."""
        # Here, and not first where a network is made, which may be without any tensor's values.
        import striate.zoo.create  # noqa: F401

        if self.has(name):
            return
        bare = [
            each for other in self._others.values() if not other.prefixed for each in other.names()
        ]
        what, close = f"network '{printable(name)}'", nearest(name, [*self.names(), *bare])
        for library in self._others.values():
            # One that takes seconds to load is asked only where nothing is near.
            if (not library.slow or "did you mean" not in close) and library.has(name):
                remedy = f"{printable(library.spec(name))} is {library.name}'s"
                raise NetworkError(what, "not in the catalogue", remedy)
        raise NetworkError(what, "not in the catalogue", close)

    def figures(self, name: str) -> tuple[Figure, ...]:
        """What papers and others published."""
        return published().get(name, ())
