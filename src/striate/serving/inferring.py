"""The way of the pictures of one request: let in, computed, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from starlette.requests import Request

from striate.errors import DataError, StriateError
from striate.serving.limits import Room, answered
from striate.serving.metrics import Metrics
from striate.serving.models import Model
from striate.serving.pipeline import Picture
from striate.serving.refusals import Refused, sentence_of

if TYPE_CHECKING:
    from striate.engines.session import Answers


async def infer(
    request: Request, model: Model, pictures: Sequence[Picture], room: Room, metrics: Metrics
) -> list[Answers | DataError]:
    """The answer to each of `pictures`, float32 (K,), or why there is none.

    Args:
        request: which brought them, and has been read to its end.
        model: in use.
        pictures: in their order.
        room: that they need.
        metrics: where the time is counted.

    Raises:
        Refused: there is no room or no time for them, the client has gone, or the network fails.
    """
    begin = perf_counter()
    room.take_pictures(len(pictures))
    work = [model.pipeline.submit(each, room.picture_left) for each in pictures]
    found = await answered(request, work, room.limits.seconds)
    metrics.seconds.labels(model.name).observe(perf_counter() - begin)
    for each in found:
        if isinstance(each, StriateError) and not isinstance(each, DataError):
            raise Refused(500, sentence_of(each), "network") from each
        if isinstance(each, Exception) and not isinstance(each, StriateError):
            raise each
    return found
