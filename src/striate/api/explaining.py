"""Why a network predicts what it predicts: heat maps of predictions."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from striate.api.opening import open_classifier
from striate.errors import StriateError
from striate.inference.options import ExplainPredictionOptions
from striate.support.options import takes
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.inference.explaining.explanation import Explanation


@takes(ExplainPredictionOptions)
def explain_prediction(options: ExplainPredictionOptions) -> Explanation:
    """Where one image speaks for a class, by the network of a run or of an exported file.

    `striate predict --heatmap` draws the same for many images.

    Returns:
        An `Explanation`: its ``map``, class and probability, and the method that was used. A
        notebook shows it as a picture; ``save`` writes one.

    Raises:
        StriateError: the run, the image or an option is at fault, or the network cannot be
            explained in the way that is wanted.
    """
    from striate.data.finding.inputs import is_single, item_of
    from striate.inference.explaining.choosing import Wanted
    from striate.inference.explaining.explanation import explain_item

    if not is_single(options.image):
        raise StriateError(
            f"image {options.image}" if isinstance(options.image, str) else "the image",
            "is not one image",
            "give one, or draw several with `striate predict --heatmap FOLDER`",
        )
    wanted = Wanted(method=options.method, window=options.window, stride=options.stride)
    with ExitStack() as stack:
        classifier = stack.enter_context(
            open_classifier(options.run, device=options.device, allow_code=options.allow_code)
        )
        count = stack.enter_context(counting("computing covered images", wanted=options.progress))
        item = item_of(options.image, "image")
        return explain_item(classifier, item, options.class_, wanted=wanted, progress=count)
