"""What requests may take of the service together, and the waiting for one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from striate.serving.refusals import Refused, busy

_BODIES = 16
"""So many requests of the largest size are held in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request, or all of them together, may take.

    Attributes:
        body: bytes of one request, also of what it unpacks to.
        pixels: of one picture.
        queue: pictures that wait or are computed.
        connections: that are open at a time.
        seconds: for a request to come in, and for its answer to be found.
    """

    body: int = 32 << 20
    pixels: int = 50_000_000
    queue: int = 256
    connections: int = 512
    seconds: float = 30.0


class Room:
    """What is taken at the moment of what `Limits` allow, over all requests of one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pictures = 0
        self._bytes = 0

    def take_pictures(self, count: int) -> None:
        """Let `count` more pictures in; each has room until `picture_left` is called of it.

        Raises:
            Refused: there is no room for them, or never will be.
        """
        most = self.limits.queue
        if count > most:
            raise Refused(
                413,
                f"the request holds {count:,} pictures, and at most {most:,} are taken at a time; "
                "send them in several requests",
                "pictures",
            )
        if self.pictures + count > most:
            raise busy(f"{most:,} pictures are waiting already; try again in a moment", "queue")
        self.pictures += count

    def picture_left(self) -> None:
        """A picture is out of the service: answered, or dropped where nobody waits any more."""
        self.pictures -= 1

    @contextmanager
    def for_bytes(self) -> Iterator[Held]:
        """Count the bytes of one request as they come in, for the time of a block."""
        held = Held(self)
        try:
            yield held
        finally:
            self._bytes -= held.count

    def _take(self, count: int) -> None:
        if count > 0 and self._bytes + count > _BODIES * self.limits.body:
            raise busy(
                "the service holds as many requests as its memory allows; try again in a moment",
                "memory",
            )
        self._bytes += count


@dataclass
class Held:
    """The bytes of one request that are counted in its `room`."""

    room: Room
    count: int = 0

    def become(self, count: int) -> None:
        """Count that many bytes instead of those that were counted.

        Raises:
            Refused: the service holds too many already.
        """
        self.room._take(count - self.count)
        self.count = count


async def answered(
    request: Request, work: Sequence[asyncio.Future[Any]], seconds: float
) -> list[Any]:
    """What each of `work` gives: its result, or the exception that it ends with.

    Args:
        request: which has been read to its end. When its client goes away, the work is cancelled.
        work: cancelled as well when it takes too long.
        seconds: the most that it may take.

    Raises:
        Refused: the client has gone, or the time is up.
    """
    everything: asyncio.Future[list[Any]] = asyncio.gather(*work, return_exceptions=True)
    gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({everything, gone}, timeout=seconds, return_when="FIRST_COMPLETED")
        if everything.done():
            return everything.result()
        for each in work:
            each.cancel()
        if gone.done():
            raise Refused(499, "the client has gone", "disconnected")
        raise busy(
            f"the answer was not found within {seconds:g} s; try again, or send fewer pictures",
            "timeout",
        )
    finally:
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
