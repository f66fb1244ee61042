"""What a person, or a file, may write for a network, taken apart; reading it needs no torch.

===========================  ==========================================================
``resnet50``                 the catalogue's
``efficientnet_lite0``       one that comes with its weights (`striate.hub.pretrained`)
``torchvision:resnet50``     torchvision's, without its weights
``timm:efficientnet_lite0``  timm's, without its weights
``path/net.py:Class``        a person's own file
``package.module:name``      a person's own module
===========================  ==========================================================

The first four only name a network. The last two are programs: to make the network is to run them,
so that what a *file* names (the ``run.toml`` of a run, which may come from anybody) is never one of
these unless the person who opens it says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.errors import NetworkError
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.support.text import printable
from striate.zoo.catalogue import Entry, classifier

#: What to do where a run names code, whatever command or function met it.
ALLOWING = (
    "if you trust whoever made it, table, explain, compare, view, predict, evaluate and export run "
    "it with `allow_code=True`"
)

#: Longer than any name that a library has; what is longer is not looked for.
LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A network as it was written.

    Attributes:
        source: where it is to be found: ``catalogue``, a name of
            `striate.hub.libraries.LIBRARIES`, ``file`` or ``module``.
        place: the file or the module of a person's own; empty for others.
        name: within the catalogue, the library, the file or the module; may be empty for a file.
    """

    source: str
    place: str = ""
    name: str

    @property
    def is_code(self) -> bool:
        """Whether making the network runs a person's own program."""
        return self.source in {"file", "module"}

    @property
    def library(self) -> Library:
        """The library that has it; a ValueError for code."""
        if self.is_code:
            raise ValueError(f"{self.place} is no library")
        return LIBRARIES.get(self.source, CATALOGUE)


def parse(text: str) -> Spec:
    """Take `text` apart; nothing is looked for, and nothing is loaded.

    Examples:
        >>> parse("nets/mine.py:Net").is_code
        True
        >>> parse("timm:hf-hub:somebody/net").source
        'timm'
        >>> parse("efficientnet_lite0").source
        'pretrained'
    """
    prefix, colon, name = text.partition(":")
    if colon and prefix in LIBRARIES:
        return Spec(source=prefix, name=name)
    place, _, name = text.rpartition(":")
    if not place:
        if text.endswith(".py"):
            return Spec(source="file", place=text, name="")
        for library in LIBRARIES.values():
            if not library.prefixed and library.has(text):
                return Spec(source=library.name, name=text)
        return Spec(source="catalogue", name=text)
    return Spec(source="file" if place.endswith(".py") else "module", place=place, name=name)


def trainable(text: str) -> Entry:
    """The classifier of the catalogue that `text` names, to be trained from its first weights.

    Raises:
        NetworkError: there is none of that name, it finds boxes, or it is a library's.
    """
    spec = parse(text)
    if not spec.is_code and spec.library is not CATALOGUE:
        shown = printable(text[:LONGEST])
        raise NetworkError(
            f"network '{shown}'",
            "is not the catalogue's, whose networks alone are trained from the start",
            f"`striate transfer DATA --backbone {shown} --freeze none` trains it from its weights",
        )
    return classifier(text)


def refuse_code(text: str, what: str) -> Spec:
    """Take `text` apart, which `what` (a file) names as its network, and refuse programs.

    Raises:
        NetworkError: it is a program.
    """
    spec = parse(text)
    if spec.is_code:
        raise NetworkError(
            what,
            f"names Python code as its network ('{printable(text[:LONGEST])}'), "
            "which is not run unasked",
            ALLOWING,
        )
    return spec
