"""The libraries that networks and weights come from, by name; reading it needs no torch."""

from __future__ import annotations

from striate.hub.library import Library
from striate.hub.pretrained import Pretrained
from striate.hub.striate import Catalogue
from striate.hub.timm import Timm
from striate.hub.torchvision import Torchvision

_TIMM = Timm()
_ALL: tuple[Library, ...] = (
    Torchvision(),
    _TIMM,
    Pretrained(_TIMM),
)

#: By prefix, in the order in which they are asked.
LIBRARIES: dict[str, Library] = {library.name: library for library in _ALL}

#: The networks of this package, which have no prefix.
CATALOGUE = Catalogue(LIBRARIES)
