"""The process that serves: it opens the models, listens, and ends without losing a request."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from striate.data.scan import threads
from striate.errors import StriateError, parameter
from striate.serving import examples
from striate.serving.app import application
from striate.serving.connections import connection
from striate.serving.guard import LOCAL
from striate.serving.limits import Limits, Room
from striate.serving.metrics import Metrics
from striate.serving.models import Models
from striate.serving.offers import offers_of
from striate.serving.options import ServeOptions
from striate.serving.state import State
from striate.support.closing import Closable

TOKEN = "STRIATE_TOKEN"
"""The environment variable that holds the token where no option does."""

_IDLE = 1.0  # seconds that an open connection has for one more request when the service ends
_SPARE = 5  # seconds beyond all limits after which the service ends in any case
_BACKLOG = 2048


class Service(Closable):
    """A service whose models are loaded, and which answers as soon as it is `run`.

    Args:
        options: what a person decided.

    Attributes:
        address: where it is, for a browser.
        warning: what a person should know about who can reach it; empty where nothing.

    Raises:
        StriateError: an option is at fault, a model cannot be opened, or the port is taken.
    """

    def __init__(self, options: ServeOptions) -> None:
        token = _token(options)
        limits = Limits(
            body=options.max_body << 20,
            pixels=options.max_pixels,
            queue=options.max_queue,
            connections=options.max_connections,
            seconds=options.timeout,
        )
        with ExitStack() as stack:
            self._socket = stack.enter_context(_bound(options.host, options.port))
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="striate-"))
            readers = ThreadPoolExecutor(threads(options.threads), "striate-reader")
            stack.callback(readers.shutdown, cancel_futures=True)
            found = offers_of(options.models, Path(scratch), allow_code=options.allow_code)
            shared = None if options.examples is None else examples.of_folder(options.examples)
            self._metrics = Metrics()
            models = Models(
                found,
                examples_of=lambda run: examples.of_run(run) if shared is None else shared,
                engine=options.engine,
                reduced_decoding=options.reduced_decoding,
                limits=limits,
                metrics=self._metrics,
                readers=readers,
            )
            models.open_all()
            host, port, *_ = self._socket.getsockname()
            local = ip_address(host).is_loopback
            room = Room(limits)
            self._metrics.waiting.set_function(lambda: room.pictures)
            self.state = State(
                models=models,
                room=room,
                metrics=self._metrics,
                token=token,
                hosts=LOCAL | {options.host.lower()} if local and token is None else None,
            )
            self.address = f"http://{_shown(host)}:{port}/"
            self.warning = "" if local or token is not None else _OPEN_TO_ALL
            self._server = _Server(self.state, limits, self._socket)
            _listen(self._socket, options)  # whoever comes before `run` waits for it
            self._stack = stack.pop_all()

    def run(self) -> None:
        """Serve until a signal, or `stop`, ends it; whatever was accepted is answered."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`, from any thread, as a signal does."""
        self._server.asked_to_end = True

    def close(self) -> None:
        """Free the port, the threads and the files that were made for the service."""
        self._stack.close()


_OPEN_TO_ALL = "whoever can reach this machine can use the service; a token keeps others out"


class _Server(uvicorn.Server):
    """uvicorn's server, with an end in the order that loses nothing.

    First nobody new is let in, but for those who are waiting at the door. Then the service says
    that it is not ready, and closes each connection with its next answer: a connection that is idle
    has a second for one more request, which may be on its way already. What is under way is waited
    for.
    """

    def __init__(self, state: State, limits: Limits, listening: socket.socket) -> None:
        self._state, self._listening = state, listening
        self.asked_to_end = False
        super().__init__(
            uvicorn.Config(
                application(state),
                http=connection(limits, state.metrics),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=int(2 * limits.seconds) + _SPARE,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.asked_to_end:  # the second time: whoever waits is not waited for
            self.force_exit = True
        self.asked_to_end = True

    async def on_tick(self, counter: int) -> bool:
        ended = await super().on_tick(counter)
        if self.asked_to_end:
            await self._drain()
            return True
        return ended

    async def _drain(self) -> None:
        await self._close_the_door()
        self._state.draining = True
        waited = 0.0
        while self.server_state.connections and waited < _IDLE and not self.force_exit:
            await asyncio.sleep(0.02)
            waited += 0.02

    async def _close_the_door(self) -> None:
        """Listen no more; whoever has connected and was not taken yet is taken."""
        loop = asyncio.get_running_loop()
        with self._listening.dup() as door:
            door.setblocking(False)
            for server in self.servers:
                server.close()
            waiting = []
            with suppress(OSError):  # there is nobody
                while True:
                    waiting.append(door.accept()[0])
        for each in waiting:
            each.setblocking(False)
            await loop.connect_accepted_socket(self._protocol, each)

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        made: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state={}
        )
        return made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if not self.force_exit:
            await self._state.models.close()


def _token(options: ServeOptions) -> str | None:
    """The token, from the options or the environment."""
    token = os.environ.get(TOKEN) if options.token is None else options.token
    if token is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        what = f"the environment variable {TOKEN}" if options.token is None else parameter("token")
        raise StriateError(what, "must be letters, digits and signs without a space")
    return token


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port`, which nobody can connect to yet."""
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise StriateError(
            parameter("host", host), "is no address of this machine", "take 127.0.0.1"
        ) from error
    found = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise _taken(host, port, error) from error
    return found


def _listen(bound: socket.socket, options: ServeOptions) -> None:
    """Let others connect, unless somebody else who had bound the port does so already."""
    try:
        bound.listen(_BACKLOG)
    except OSError as error:
        raise _taken(options.host, options.port, error) from error


def _taken(host: str, port: int, error: OSError) -> StriateError:
    return StriateError(
        parameter("port", port),
        f"cannot be taken at {host} ({error.strerror})",
        "take another, or 0 for any that is free",
    )


def _shown(host: str) -> str:
    """A host as addresses write it; what stands for every address is reached by the nearest."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
