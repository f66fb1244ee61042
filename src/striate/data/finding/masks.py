"""Masks, boxes and labels beside images: what data sets for detection and segmentation hold.

Taken for classes, or for images of the class that they lie in, they would be trained on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from striate.data.finding.folders import files_under, is_image
from striate.data.finding.split_names import says_nothing
from striate.data.finding.top import Top
from striate.errors import DataError
from striate.support.paths import shown
from striate.support.text import printable

_DRAWN = re.compile(
    r"labels?|(b|bounding[\W_]*)?box(es)?|"
    r"(?!(with|without|no)[\W_])(.*[\W_])?(masks?|annotations?|segmentations?|ground[\W_]*truths?)"
)
"""Names of what was drawn for images rather than of images: ``masks``, ``lung masks``."""
_ORIGINALS = {"original", "originals", "rgb"}
_DRAWN_FILE = re.compile(
    r"(?P<image>.+?)[\W_]+(masks?|annotations?|seg|segmentations?|gt|ground[\W_]*truths?)"
    r"([\W_]*\d+)?",
    re.IGNORECASE,
)
_MAY_BE_DRAWN = re.compile(r"[\W_](mask|annotation|seg|gt|ground)", re.IGNORECASE)
"""What every name of `_DRAWN_FILE` holds."""
_LAST_WORD = re.compile(r"[\W_]+[^\W_]+$")


def refuse_detection(folder: Path, tops: Sequence[Top]) -> None:
    """Refuse ``images/`` beside ``labels/`` where class folders are expected.

    Args:
        folder: the data set, or one of its splits.
        tops: the folders in it.

    Raises:
        DataError: it is a data set of boxes or masks.
    """
    drawn = _drawn(tops)
    if drawn and len(drawn) < len(tops):
        why = f"holds {_listed(tops)}, as data sets for detection do, and no class folders"
        remedy = "put the images of each class into a folder named as the class"
        raise DataError(shown(folder), why, remedy)


def refuse_masks(classes: Sequence[Top]) -> None:
    """Refuse masks or the like, as image files, beside the images of a class.

    Args:
        classes: class folders, such as ``COVID`` with ``COVID/images`` and ``COVID/masks``.

    Raises:
        DataError: there are some; both would be trained on as images of that class.
    """
    for top in classes:
        _refuse_mask_files(top)
        within = [Top(folder) for folder in top.level.folders]
        drawn = [each for each in _drawn(within) if each.holds_images]
        rest = [each for each in within if each not in drawn and each.holds_images]
        if drawn and (rest or _are_namesakes(top.level, drawn)):
            beside = _listed(rest) or "the images"
            why = f"holds {_listed(drawn)} beside {beside}: masks or labels, not images of a class"
            remedy = f"move {_listed(drawn)} out of the data set, in each class that has them"
            raise DataError(shown(top.path), why, remedy)


def _refuse_mask_files(top: Top) -> None:
    """Raise where most images in a class folder have a mask in it: ``1.png``, ``1_mask.png``."""
    if not any(map(_MAY_BE_DRAWN.search, top.level.file_names)):
        return  # a million paths are not made for nothing
    stems = {path.stem: path for path in top.level.files}
    found = {stem: _DRAWN_FILE.fullmatch(stem) for stem in stems}
    masks = {stem: match["image"] for stem, match in found.items() if match}
    masks = {stem: of for stem, of in masks.items() if of in stems and is_image(stems[stem])}
    if masks and 2 * len(set(masks.values())) > len(stems) - len(masks):
        name = printable(stems[min(masks)].name)
        why = f"holds masks or labels beside its images ({name}), which are not images of a class"
        raise DataError(shown(top.path), why, "move them out of the data set, in every class")


def _drawn(tops: Sequence[Top]) -> list[Top]:
    """Which of these folders hold masks, boxes or labels; none where one may be a class."""
    drawn = [top for top in tops if _DRAWN.fullmatch(top.path.name.lower())]
    rest = [top.path.name.lower() for top in tops if top not in drawn]
    return drawn if all(says_nothing(name) or name in _ORIGINALS for name in rest) else []


def _are_namesakes(level: Top, drawn: Sequence[Top]) -> bool:
    """Whether most images in `drawn` are called as one beside it: ``1.png``, ``mask/1_mask.png``.

    Faces with and without a mask are not.
    """
    stems = {path.stem for path in level.files if is_image(path)}
    files = [path.stem for top in drawn for path in files_under(top.path) if is_image(path)]
    alike = [stem for stem in files if {stem, _LAST_WORD.sub("", stem)} & stems]
    return 2 * len(alike) > len(files)


def _listed(tops: Sequence[Top]) -> str:
    return " and ".join(sorted(top.name for top in tops))
