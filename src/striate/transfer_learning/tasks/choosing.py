"""Which task the options of a transfer name."""

from __future__ import annotations

from typing import Any

from striate.data.images import ImageSet
from striate.data.targets import Answers
from striate.errors import StriateError, nearest, parameter
from striate.hub.heads import HEADS, VALUE_HEADS
from striate.runs.targets import scaled
from striate.training.selection import check_choices
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.tasks.classification import Classification
from striate.transfer_learning.tasks.regression import Regression
from striate.transfer_learning.tasks.task import Task


def answers_of(options: TransferOptions) -> Answers:
    """What the images are to be answered with; the options have to be for that.

    Raises:
        StriateError: a head, a penalty or class weights that are for the other kind of answers.
    """
    answers = Answers.of(options.target, options.unit, options.label)
    numbers = bool(answers.targets)
    weighed = options.class_weights != "none"
    check_choices(options.class_weights if weighed else None, None, numbers=numbers)
    if numbers and options.penalty != "l2":
        raise StriateError(
            parameter("penalty", options.penalty),
            "is of softmax regression, which is for classes",
            "leave it out",
        )
    kind, own = head_of(options), VALUE_HEADS if numbers else HEADS
    if kind in own:
        return answers
    given = parameter("head", kind)
    if kind not in {**HEADS, **VALUE_HEADS}:
        raise StriateError(given, "there is no such head", nearest(kind, own))
    if numbers:
        remedy = f"choose one of {', '.join(own)}, or leave {parameter('target')} out"
        raise StriateError(given, "is for classes, not for numbers", remedy)
    remedy = f"name the number by {parameter('target')}, or choose one of {', '.join(own)}"
    raise StriateError(given, "is for numbers, not for classes", remedy)


def head_of(options: TransferOptions) -> str:
    """The kind of head that the options ask for."""
    return options.head or ("ridge" if options.target else "softmax")


def task_of(options: TransferOptions, train: ImageSet) -> Task[Any]:
    """The task, with the scale of what is learnt of the images to train on."""
    head, seed = head_of(options), options.seed
    if train.values is not None:
        return Regression(head, targets=scaled(train), seed=seed)
    return Classification(
        head, penalty=options.penalty, class_weights=options.class_weights, seed=seed
    )
