"""Who may ask: the host that is asked for, where a page comes from, and the token.

A service on one's own machine can be reached by every page that its browser shows. A page of
another origin may not send anything here, and one that has its own name lead here (DNS rebinding)
is known by that name.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from striate.serving.bodies import read_body
from striate.serving.page.build import Page
from striate.serving.refusals import Refused

if TYPE_CHECKING:
    from striate.serving.state import State

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN = frozenset({"/v2/health/live", "/v2/health/ready", "/enter"})
_LARGEST_FORM = 4096  # bytes; whoever has no token yet may make the service hold no more
_PAUSE = 0.5  # seconds before a wrong token is told to be one
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # with none, forms would come from the origin "null"
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def refusal(refused: Refused) -> Response:
    """The answer to a request that is refused: the protocol's ``{"error": …}``."""
    headers = dict(refused.headers)
    if refused.close:
        headers["Connection"] = "close"
    return JSONResponse({"error": refused.sentence}, refused.status, headers)


class Guard:
    """Lets in what may come in, counts it, and marks every answer.

    Args:
        app: all addresses.
        state: of the service.
        page: shown to people who have to enter a token.
    """

    def __init__(self, app: ASGIApp, state: State, page: Page) -> None:
        self._app, self._state, self._page = app, state, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                headers.extend(_HEADERS)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                if self._state.draining:
                    headers.append((b"connection", b"close"))
                self._count(scope, message["status"])
            await send(message)

        try:
            self._check(Request(scope))
        except Refused as refused:
            self._state.metrics.refused.labels(refused.reason).inc()
            if refused.status == 401 and scope["path"] == "/":
                answer: Response = HTMLResponse(self._page.entrance, 401, self._page.headers)
            else:
                answer = refusal(refused)
            await answer(scope, receive, marked)
            return
        await self._app(scope, receive, marked)

    def _count(self, scope: Scope, status: int) -> None:
        """Count an answer under the model that it was about, if it is one of ours."""
        model = scope.get("path_params", {}).get("model", "")
        known = model if model in self._state.models.names else ""
        self._state.metrics.requests.labels(known, str(status)).inc()

    def _check(self, request: Request) -> None:
        """Raise for what may not come in.

        Raises:
            Refused: it may not.
        """
        host = request.headers.get("host", "")
        hosts = self._state.hosts
        if hosts is not None and host_of(host) not in hosts:
            raise Refused(
                421, "the service is not called so; use the address that it printed", "host"
            )
        origin = request.headers.get("origin")
        sends = origin is not None and request.method not in ("GET", "HEAD")
        if sends and _place(origin) != host.lower():
            raise Refused(403, "pages of other origins may not use the service", "origin")
        token, path = self._state.token, request.scope["path"]  # the URL's is made of the host too
        if token is not None and path not in _OPEN and not _is_known(request, token):
            raise Refused(
                401,
                "a token is needed: send the header Authorization: Bearer TOKEN",
                "token",
                {"WWW-Authenticate": "Bearer"},
            )


def host_of(address: str) -> str:
    """The name in a ``Host`` header, without the port.

    Examples:
        >>> host_of("LocalHost:8000"), host_of("[::1]:8000"), host_of("127.0.0.1")
        ('localhost', '::1', '127.0.0.1')
    """
    try:
        return urlsplit(f"//{address}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str | None) -> str:
    """Host and port of an ``Origin`` header; empty where it names none."""
    try:
        return urlsplit(origin or "").netloc.lower()
    except ValueError:
        return ""


def _is_known(request: Request, token: str) -> bool:
    """Whether a request brings the token, or the cookie that stands for it."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and _same(given.strip(), token):
        return True
    return _same(request.cookies.get(_cookie(request), ""), _cookie_for(token))


def _cookie(request: Request) -> str:
    """The name of the cookie, which browsers send to every port of a host."""
    try:
        port = urlsplit(f"//{request.headers.get('host', '')}").port
    except ValueError:
        port = None
    return f"striate-{port}" if port else "striate"


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _cookie_for(token: str) -> str:
    return hmac.new(token.encode(), b"striate page", hashlib.sha256).hexdigest()


def routes(state: State, page: Page) -> Iterable[Route]:
    """Where people enter the token; none where there is none."""
    token = state.token
    if token is None:
        return []
    limits = replace(state.room.limits, body=min(_LARGEST_FORM, state.room.limits.body))

    async def enter(request: Request) -> Response:
        with state.room.for_bytes() as held:
            body = await read_body(request, limits, held)
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not _same(given.strip(), token):
            await asyncio.sleep(_PAUSE)
            return HTMLResponse(page.wrong_token, 401, page.headers)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(_cookie(request), _cookie_for(token), httponly=True, samesite="strict")
        return answer

    return [Route("/enter", enter, methods=["POST"])]
