"""Bodies of requests: read no further than they may go, and unpacked no further either."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

from starlette.requests import ClientDisconnect, Request

from striate.serving.limits import Held, Limits
from striate.serving.refusals import Refused, malformed

#: By the names of HTTP: what zlib calls them.
_ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_PIECE = 1 << 16  # bytes unpacked at a time: what is left of them is copied at each member's end
_PART = 1 << 20  # bytes that are unpacked before they are counted
_MOST_MEMBERS = 4096  # files in one body; bgzip makes one of every 64 KiB
_LINGER = 2.0  # seconds that what nobody wants any more may go on coming in
_ASIDE = 1 << 11  # bytes; what more of them unpack to would hold up everybody else


async def read_body(request: Request, limits: Limits, held: Held) -> bytes:
    """The whole body of `request`, unpacked where it is packed.

    Args:
        request: not yet read.
        limits: on its size and its time.
        held: counts the bytes that are held of it, before they are.

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
    return await _unpack(body, encoding, limits, held)


async def _unpack(body: bytes, encoding: str, limits: Limits, held: Held) -> bytes:
    """What `body` unpacks to, if that is no more than a body may be."""
    parts, size, unpacking = [], 0, _unpacked(body, encoding)
    while True:
        aside = len(body) > _ASIDE
        part = await asyncio.to_thread(next, unpacking, b"") if aside else next(unpacking, b"")
        if not part:
            break
        size += len(part)
        if size > limits.body:
            raise _over(limits)
        held.become(len(body) + size)
        parts.append(part)
    held.become(size)
    return b"".join(parts)


async def _received(request: Request, limits: Limits, held: Held) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.body:
        raise await _too_large(request, limits)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limits.body:
            raise await _too_large(request, limits)
        held.become(size)
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


def _unpacked(body: bytes, encoding: str) -> Iterator[bytes]:
    """What `body` unpacks to, bit by bit.

    What is packed by gzip may be several such files one after another (RFC 1952, 2.2), with zeros
    behind them.

    Raises:
        Refused: it is not sound.
    """
    unpacker, members, parts, size = None, 0, [], 0
    for start in range(0, len(body), _PIECE):
        piece, full = body[start : start + _PIECE], False
        while piece or full:
            if unpacker is None:
                piece = piece.lstrip(b"\0") if members else piece
                if not piece:
                    break
                members += 1
                if members > (1 if encoding == "deflate" else _MOST_MEMBERS):
                    raise malformed(f"the body is no sound {encoding}: it goes on behind its end")
                unpacker = zlib.decompressobj(_ENCODINGS[encoding])
            try:
                part = unpacker.decompress(piece, _PART)
            except zlib.error:
                raise malformed(f"the body is no sound {encoding}") from None
            full = len(part) == _PART and not unpacker.eof  # there is more, maybe of no more input
            piece = unpacker.unconsumed_tail
            if unpacker.eof:
                piece, unpacker = unpacker.unused_data, None
            parts.append(part)
            size += len(part)
            if size >= _PART:
                yield b"".join(parts)
                parts, size = [], 0
    if unpacker is not None or not members:
        raise malformed(f"the body is {encoding} that ends too early")
    if size:
        yield b"".join(parts)


def shown(size: int) -> str:
    """Bytes for people.

    Examples:
        >>> shown(32 << 20), shown(1000)
        ('32 MiB', '1,000 bytes')
    """
    return f"{size >> 20:,} MiB" if size >= 1 << 20 else f"{size:,} bytes"
