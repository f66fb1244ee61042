"""Bodies of requests: read no further than they may go, and unpacked no further either."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from striate.serving.limits import Limits
from striate.serving.refusals import Refused, malformed

#: By the names of HTTP: what zlib calls them.
_ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_LINGER = 2.0  # seconds that what nobody wants any more may go on coming in
_ASIDE = 1 << 11  # bytes; what more of them unpack to would hold up everybody else


async def read_body(request: Request, limits: Limits, held: Callable[[int], None]) -> bytes:
    """The whole body of `request`, unpacked where it is packed.

    Args:
        request: not yet read.
        limits: on its size and its time.
        held: told the bytes that are held of it, before they are.

    Raises:
        Refused: it is too large, too slow, or packed in a way that is not known; or its client has
            gone.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity" and encoding not in _ENCODINGS:
        raise Refused(
            415,
            f"the body is encoded as {encoding!r}; send it as gzip or deflate, or as it is",
            "malformed",
        )
    try:
        async with asyncio.timeout(limits.seconds):
            body = await _received(request, limits, held)
    except TimeoutError:
        raise Refused(
            408, f"the request did not come in within {limits.seconds:g} s", "slow", close=True
        ) from None
    except ClientDisconnect:
        raise Refused(499, "the client has gone", "disconnected") from None
    if encoding == "identity":
        return body
    if len(body) > _ASIDE:
        unpacked = await asyncio.to_thread(_unpacked, body, encoding, limits)
    else:
        unpacked = _unpacked(body, encoding, limits)
    held(len(body) + len(unpacked))
    return unpacked


async def _received(request: Request, limits: Limits, held: Callable[[int], None]) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.body:
        raise await _too_large(request, limits)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limits.body:
            raise await _too_large(request, limits)
        held(size)
        parts.append(part)
    return b"".join(parts)


async def _too_large(request: Request, limits: Limits) -> Refused:
    """The refusal of a body; what is still coming is let in for a while, and dropped.

    A connection that is closed while a client writes into it is reset, and what the client was
    answered is lost with it.
    """
    try:
        async with asyncio.timeout(_LINGER):
            while (message := await request.receive())["type"] == "http.request":
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        pass
    return _over(limits)


def _over(limits: Limits) -> Refused:
    return Refused(
        413,
        f"the request is larger than the {shown(limits.body)} that are taken; "
        "send a smaller picture, or fewer of them",
        "body",
        close=True,
    )


def _unpacked(body: bytes, encoding: str, limits: Limits) -> bytes:
    """What `body` unpacks to, if that is no more than a body may be."""
    unpacker = zlib.decompressobj(_ENCODINGS[encoding])
    try:
        found = unpacker.decompress(body, limits.body + 1)
    except zlib.error:
        raise malformed(f"the body is no sound {encoding}") from None
    if len(found) > limits.body:
        raise _over(limits)
    if not unpacker.eof:
        raise malformed(f"the body is {encoding} that ends too early")
    return found


def shown(size: int) -> str:
    """Bytes for people.

    Examples:
        >>> shown(32 << 20), shown(1000)
        ('32 MiB', '1,000 bytes')
    """
    return f"{size >> 20:,} MiB" if size >= 1 << 20 else f"{size:,} bytes"
