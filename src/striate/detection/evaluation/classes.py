"""Classes of annotations and of a detector, matched by their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from striate.errors import DataError, nearest
from striate.support.text import printable
from striate.support.words import plural

#: What Darknet's list of COCO's classes calls otherwise than COCO.
_SAME = {"motorbike": "motorcycle", "aeroplane": "airplane", "sofa": "couch", "tvmonitor": "tv"}


@dataclass(frozen=True)
class Matched:
    """Which class of a detector each labelled class is.

    Attributes:
        to: the detector's index by that of the annotations.
        missing: labelled names that the detector does not have.
    """

    to: dict[int, int]
    missing: tuple[str, ...]


def match_classes(labelled: Sequence[str], known: Sequence[str], *, most: int = 0) -> Matched:
    """Match the names `labelled` with the detector's `known` ones.

    Capitals, spaces and signs make no difference, nor do COCO's and Darknet's words for the same:
    couch and sofa.

    Args:
        labelled: of the annotations; none where they have numbers alone, which are then the
            detector's own.
        known: of the detector.
        most: the highest number that annotations without names have.

    Raises:
        DataError: no class is in both, or a number is higher than the detector's classes.
    """
    if not labelled:
        if most >= len(known):
            raise DataError(
                "the annotations",
                f"have class {most}, and the detector {plural(len(known), 'class', 'classes')}",
                "give the names of their classes",
            )
        return Matched({each: each for each in range(len(known))}, ())
    own = {_plain(name): index for index, name in enumerate(known)}
    to = {k: own[_plain(name)] for k, name in enumerate(labelled) if _plain(name) in own}
    missing = tuple(name for k, name in enumerate(labelled) if k not in to)
    if not to:
        raise DataError(
            f"the annotations' classes ({_listed(labelled)})",
            f"are none of the detector's ({_listed(known)})",
            nearest(printable(labelled[0]), map(printable, known))
            if len(known) <= 12
            else "give the detector its names, or other data",
        )
    return Matched(to, missing)


def _plain(name: str) -> str:
    """`name` without what people write differently; signs stay where there is nothing else."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    kept = "".join(each for each in plain if each.isalnum()) or plain
    return _SAME.get(kept, kept)


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(map(printable, names[:most]))
    return shown + (", …" if len(names) > most else "")
