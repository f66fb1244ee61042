"""Connections: no more than there may be, and none that keeps the service waiting for a request."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from striate.serving.limits import Limits
from striate.serving.metrics import Metrics

_LARGEST_HEAD = 1 << 16  # bytes of a request's first line and headers
_PIPELINED = 64  # requests of one connection that are not answered yet
_LINGER = 2.0  # seconds that a client has to take what it is answered, and to leave


def connection(limits: Limits, metrics: Metrics) -> type[HttpToolsProtocol]:
    """The protocol of uvicorn within `limits`; what it refuses is counted in `metrics`."""

    class Connection(HttpToolsProtocol):
        """One connection."""

        _deadline: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None
        _unanswered: tuple[RequestResponseCycle, ...] = ()
        _head = 0
        _refused = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.set_write_buffer_limits(high=0)  # `pause_writing` as soon as anything waits
            metrics.connections.set(len(self.connections))
            if len(self.connections) > 2 * limits.connections:
                transport.abort()
            elif len(self.connections) > limits.connections:
                self._refuse(503, "connections", "too many connections are open; try again later")
            else:
                self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._give_up()
            self._stop_waiting()
            self._stop_stalling()
            metrics.connections.set(len(self.connections))

        def data_received(self, data: bytes) -> None:
            if self._refused or self.transport.is_closing():
                return
            if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
                self._wait_for_head()
            super().data_received(data)
            if self._deadline is not None and not self._refused:
                self._head += len(data)
                if self._head > _LARGEST_HEAD:
                    self._refuse(431, "head", "the request's headers are too large")

        def on_headers_complete(self) -> None:
            self._stop_waiting()
            super().on_headers_complete()
            waiting = (each for each in self._unanswered if not each.response_complete)
            self._unanswered = (*waiting, self.cycle)
            if len(self._unanswered) > _PIPELINED and not self.transport.is_closing():
                metrics.refused.labels("pipeline").inc()
                self.transport.abort()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stop_stalling()
            self._stalled = self.loop.call_later(limits.seconds, self._abandon)

        def resume_writing(self) -> None:
            self._stop_stalling()
            super().resume_writing()

        def _give_up(self) -> None:
            """Tell every request that it is not answered; uvicorn tells the last one alone."""
            for each in self._unanswered:
                each.disconnected = True
                each.message_event.set()

        def _stop_stalling(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

        def _abandon(self) -> None:
            """End the connection of a client that does not take what it is answered."""
            metrics.refused.labels("slow").inc()
            self.transport.abort()

        def send_400_response(self, msg: str) -> None:
            self._refuse(400, "malformed", "this is no sound HTTP request")

        def _wait_for_head(self) -> None:
            self._head = 0
            self._deadline = self.loop.call_later(limits.seconds, self._late)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _late(self) -> None:
            self._refuse(408, "slow", f"no request came in within {limits.seconds:g} s")

        def _refuse(self, status: int, reason: str, sentence: str) -> None:
            """Answer without a request, and close.

            What still comes in is dropped for a while: a connection that is closed before it has
            been read to its end is reset, and the answer lost with it.
            """
            self._stop_waiting()
            metrics.refused.labels(reason).inc()
            self._refused = True
            if self.transport.is_closing():
                return
            if self.pipeline:  # others are to be answered first
                self.transport.abort()
                return
            self._give_up()  # what came before is answered here and now
            body = json.dumps({"error": sentence}).encode()
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
                "content-type: application/json\r\nconnection: close\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.loop.call_later(_LINGER, self.transport.abort)

    return Connection
