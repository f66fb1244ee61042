"""Heat maps of the pictures of a request: which cells of a grid speak for a class, and where.

They are asked for one by one, by people who look at a picture. So they are computed on the threads
that read pictures, apart from the batches of those that only want classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from striate.engines.heat_maps import THE_LIKELIEST
from striate.errors import DataError, StriateError, nearest
from striate.inference.explaining.over_pictures import seen
from striate.serving.kinds import refuse_numbers
from striate.serving.limits import Room, answered
from striate.serving.refusals import Refused, malformed, sentence_of

if TYPE_CHECKING:
    from striate.engines.heat_maps import Maps
    from striate.serving.models import Model
    from striate.serving.pipeline import Picture

LIKELIEST = "likeliest"
"""How a request asks for the map of each picture's likeliest class."""


def label_of(model: Model, wanted: str) -> int:
    """The number of the class whose map is `wanted`.

    Raises:
        Refused: the model has no heat maps, or no such class.
    """
    refuse_numbers(model.kind, "heatmap")
    if model.pipeline.heat_maps is None:
        raise malformed(
            f"the model '{model.name}' has no heat maps; export its run with --cam to have them"
        )
    classes = model.kind.labels
    if wanted in classes:
        return classes.index(wanted)
    if wanted == LIKELIEST:
        return THE_LIKELIEST
    raise malformed(f"heatmap: there is no class '{wanted}'; {nearest(wanted, classes)}")


async def heat_maps(
    request: Request, model: Model, pictures: Sequence[Picture], label: int, room: Room
) -> list[dict[str, Any] | DataError]:
    """What is sent of the heat map of each of `pictures`, or why there is none.

    Raises:
        Refused: there is no room or no time for them, the client has gone, or the engine fails.
    """
    room.take_pictures(len(pictures))
    work = [model.pipeline.heat_map(each, label, room.picture_left) for each in pictures]
    found = await answered(request, work, room.limits.seconds)
    for each in found:
        if isinstance(each, StriateError) and not isinstance(each, DataError):
            raise Refused(500, sentence_of(each), "network") from each
        if isinstance(each, Exception) and not isinstance(each, StriateError):
            raise each
    return [each if isinstance(each, DataError) else _shown(model, *each) for each in found]


def _shown(model: Model, heat: Maps, height: int, width: int) -> dict[str, Any]:
    left, top, right, bottom = seen(model.predictor.preprocessing, height, width)
    box = [left / width, top / height, right / width, bottom / height]
    return {"values": heat.tolist(), "box": box}
