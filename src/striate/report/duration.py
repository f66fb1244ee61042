"""How long a report will take, so that a training that has to end in time can leave room for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.anatomy.costs.counting import count_macs
from striate.evaluation.evaluate import SAMPLED
from striate.report.embedded import affordable
from striate.report.insight import MISTAKES

if TYPE_CHECKING:
    from striate.training.setup import Setup

_OF_A_MAP = 3.0
"""What a heat map costs, in forwards: there is a backward pass."""


def seconds_of_report(setup: Setup, of_image: float) -> float:
    """Seconds that keeping samples, embedding images and drawing heat maps will take.

    Args:
        setup: of a training before its first step.
        of_image: seconds that a validation image takes, all in all.
    """
    images, train = setup.validation.images, setup.train.images
    macs = count_macs(setup.network, setup.validation.preprocessing.input_size)
    held, trained = affordable(macs, train)
    forwards = min(held, len(images)) + min(trained, len(train))
    forwards += int(_OF_A_MAP * min(MISTAKES, len(images)))
    began = setup.now()
    images.read(0)  # of photographs, what is kept of them takes longer than the page
    reading = setup.now() - began
    return forwards * of_image + min(SAMPLED, len(images)) * reading
