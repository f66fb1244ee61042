"""Weights that were found for a network, and the network that they were looked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from striate.hub.conversion import NAMESAKES, Counterpart
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.hub.names import parse
from striate.hub.resolve import resolve


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A network of the catalogue or of a library, for which weights are looked for.

    Attributes:
        library: whose it is.
        name: within the library.
        variant: the choices that it is made with: a run's weights hold for its choices alone.
    """

    library: Library
    name: str
    variant: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> str:
        """What a person writes for it."""
        return self.library.spec(self.name)

    def counterpart(self, source: Library) -> Counterpart | None:
        """The network of `source` that equals it; None where there is none."""
        if source is self.library:
            return Counterpart(
                name=self.name, rules=source.renaming(self.name), heads=source.heads(self.name)
            )
        return source.counterparts.get(self.name) if self.library is CATALOGUE else None

    def counterparts(self) -> dict[str, Counterpart]:
        """Its counterpart in each library that has one, by the library's name."""
        each = {name: self.counterpart(library) for name, library in LIBRARIES.items()}
        return {name: found for name, found in each.items() if found}

    def namesake(self) -> tuple[Wanted | None, str]:
        """What the libraries' networks of its name equal instead, and what those do otherwise."""
        other, convention = NAMESAKES.get(self.name, ("", ""))
        if not other or self.library is not CATALOGUE:
            return None, ""
        return Wanted(library=CATALOGUE, name=other), convention

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors by name, without values."""
        return resolve(self.spec, variant=self.variant).network.state_dict()


def wanted(text: str, variant: Mapping[str, Any] | None = None) -> Wanted:
    """The network that `text` names, for which there may be weights somewhere.

    Raises:
        NetworkError: the catalogue or library does not have it; code has no weights either.
    """
    spec = parse(text)
    if spec.is_code:
        CATALOGUE.check(text)
    spec.library.check(spec.name)
    return Wanted(library=spec.library, name=spec.name, variant=variant or {})


@dataclass(frozen=True, kw_only=True)
class Found:
    """Weights under our names, before they are given to a network.

    Args:
        name: where they come from, for people: ``torchvision resnet18 IMAGENET1K_V1`` or a file's
            path.
        digest: SHA-256 of the file.
        state: the tensors.
        network: what a person writes for the network that they were looked for; empty if of any.
        heads: pattern of auxiliary heads among them that a network need not have.
        preprocessing: what they were trained for, as
            `striate.data.preprocessing.Preprocessing.to_dict` gives it; None where nobody knows.
        classes: names of their classes, in order; None where nobody knows.
        notes: what a person should know.
    """

    name: str
    digest: str
    state: Mapping[str, Tensor]
    network: str = ""
    heads: str = ""
    preprocessing: dict[str, Any] | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def file_digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
