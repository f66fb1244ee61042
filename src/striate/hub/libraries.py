"""The libraries that networks and weights come from, by name; reading it needs no torch."""

from __future__ import annotations

from striate.hub.library import Library
from striate.hub.striate import Catalogue
from striate.hub.timm import Timm
from striate.hub.torchvision import Torchvision

#: By prefix, in the order in which they are asked. A further one is a further line.
LIBRARIES: dict[str, Library] = {
    "torchvision": Torchvision(),
    "timm": Timm(),
}

#: The networks of this package, which have no prefix.
CATALOGUE = Catalogue(LIBRARIES)
