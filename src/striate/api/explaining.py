"""Why a network predicts what it predicts: heat maps of predictions."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from striate.api.opening import open_predictor
from striate.errors import StriateError, parameter
from striate.inference.options import ExplainPredictionOptions
from striate.support.options import takes
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.inference.explaining.explanation import Explanation


@takes(ExplainPredictionOptions)
def explain_prediction(options: ExplainPredictionOptions) -> Explanation:
    """Where one image speaks for a class, or moves a number, by the network of a run or of a file.

    `striate predict --heatmap` draws the same for many images.

    Returns:
        An `Explanation`: its ``map``, class and probability, and the method that was used. Of a run
        of numbers it is a `ValueExplanation`, with ``target`` and ``value``, of which the type does
        not speak. A notebook shows either as a picture; ``save`` writes one.

    Raises:
        StriateError: the run, the image or an option is at fault, or the network cannot be
            explained in the way that is wanted.
    """
    from striate.data.finding.inputs import is_single, item_of
    from striate.inference.explaining.choosing import Wanted
    from striate.inference.explaining.explanation import explain_item, explain_value
    from striate.inference.regressor import Regressor

    if not is_single(options.image):
        raise StriateError(
            f"image {options.image}" if isinstance(options.image, str) else "the image",
            "is not one image",
            "give one, or draw several with `striate predict --heatmap FOLDER`",
        )
    wanted = Wanted(method=options.method, window=options.window, stride=options.stride)
    with ExitStack() as stack:
        predictor = open_predictor(
            options.run, device=options.device, allow_code=options.allow_code
        )
        stack.enter_context(predictor)
        count = stack.enter_context(counting("computing covered images", wanted=options.progress))
        item = item_of(options.image, "image")
        if isinstance(predictor, Regressor):
            _refuse("class_", options.class_, "numbers, not with classes", "target")
            found = explain_value(predictor, item, options.target, wanted=wanted, progress=count)
            return cast("Explanation", found)
        _refuse("target", options.target, "classes, not with numbers", "class_")
        return explain_item(predictor, item, options.class_, wanted=wanted, progress=count)


def _refuse(name: str, value: str | None, answers: str, other: str) -> None:
    """Raise for a class where there are numbers, and for a number where there are classes."""
    if value is not None:
        why = f"is for the other kind of run: this one answers with {answers}"
        raise StriateError(parameter(name, value), why, f"give {parameter(other)}, or leave it out")
