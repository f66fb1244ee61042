"""What a transfer says of a head that it fitted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from striate.data.images import ImageSet
from striate.support.text import printable
from striate.transfer_learning.heads.cross_validation import pictures
from striate.transfer_learning.heads.fit import FittedHead
from striate.transfer_learning.heads.scaling import Floats


def notes_on_fit(fitted: FittedHead, of_train: Floats, images: ImageSet) -> Iterator[str]:
    """What cross-validation could not hold out, and what the fit itself has to say.

    Args:
        fitted: the head.
        of_train: (images, views, D), what it was fitted to.
        images: those that it was fitted to.
    """
    if not fitted.folds:
        yield (
            "every class has one picture to train on: nothing can be held out, so that C is not "
            "chosen by cross-validation but taken as it usually is"
        )
    elif single := np.flatnonzero(pictures(of_train[:, 0], images.labels) == 1).tolist():
        names = ", ".join(printable(images.classes[label]) for label in single)
        yield f"one picture to train on, never held out: {names}"
    if fitted.note:
        yield fitted.note
