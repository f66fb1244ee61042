"""What a person, or a file, may write for a network, taken apart; reading it needs no torch.

===========================  ==========================================================
``resnet50``                 the catalogue's
``efficientnet_lite0``       one that comes with its weights (`striate.hub.pretrained`)
``torchvision:resnet50``     torchvision's, without its weights
``timm:efficientnet_lite0``  timm's, without its weights
``path/net.py:Class``        a person's own file
``package.module:name``      a person's own module
``given:Class``              of a run alone: what was given to Python as a module
===========================  ==========================================================

The first four only name a network. The next two are programs: to make the network is to run them,
so that what a *file* names (the ``run.toml`` of a run, which may come from anybody) is never one of
these unless the person who opens it says so. The last has to be given again.
"""

from __future__ import annotations

from dataclasses import dataclass

from striate.errors import NetworkError
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.support.text import printable

#: What to do where a run names code, whatever command or function met it.
ALLOWING = "if you trust whoever made it, let it run with `allow_code=True`"

#: What stands before the class of a module that was given to Python.
GIVEN = "given"

#: Longer than any name that a library has; what is longer is not looked for.
LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A network as it was written.

    Attributes:
        source: where it is to be found: ``catalogue``, a name of
            `striate.hub.libraries.LIBRARIES`, ``file``, ``module`` or `GIVEN`.
        place: the file or the module of a person's own; empty for others.
        name: within the catalogue, the library, the file or the module; may be empty for a file.
    """

    source: str
    place: str = ""
    name: str

    @property
    def is_code(self) -> bool:
        """Whether the network is a person's own: a program makes it, or Python was given it."""
        return self.source in {"file", "module", GIVEN}

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
    if colon and prefix == GIVEN:
        return Spec(source=GIVEN, name=name)
    place, _, name = text.rpartition(":")
    if not place:
        if text.endswith(".py"):
            return Spec(source="file", place=text, name="")
        for library in LIBRARIES.values():
            if not library.prefixed and library.has(text):
                return Spec(source=library.name, name=text)
        return Spec(source="catalogue", name=text)
    return Spec(source="file" if place.endswith(".py") else "module", place=place, name=name)


def refuse_code(text: str, what: str) -> Spec:
    """Take `text` apart, which `what` (a file) names as its network, and refuse programs.

    Raises:
        NetworkError: it is a program, or was given to Python.
    """
    spec = parse(text)
    if spec.source == GIVEN:
        raise not_given(spec, what)
    if spec.is_code:
        raise NetworkError(
            what,
            f"names Python code as its network ('{printable(text[:LONGEST])}'), "
            "which is not run unasked",
            ALLOWING,
        )
    return spec


def not_given(spec: Spec, what: str) -> NetworkError:
    """The error for `what`, a file, whose network nothing can make but who gave it."""
    return NetworkError(
        what,
        f"was trained from a module that Python was given ('{printable(spec.name[:LONGEST])}')",
        "give that again: striate.open_run(RUN, net=module), which every function takes for a run",
    )
