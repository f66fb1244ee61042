"""All addresses of a service, as one ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from striate.serving import guard, people
from striate.serving.openapi import document
from striate.serving.page.build import Page, build
from striate.serving.protocol import routes as protocol
from striate.serving.refusals import Refused
from striate.serving.state import State

_WORTH_PACKING = 1024  # bytes


def application(state: State) -> ASGIApp:
    """The ASGI application of a service whose models are loaded."""
    page = build()
    starlette = Starlette(
        routes=routes(state, page),
        exception_handlers={
            Refused: _refused(state),
            HTTPException: _unknown,
            Exception: _failed,
        },
    )
    packed = GZipMiddleware(starlette, minimum_size=_WORTH_PACKING, compresslevel=4)
    return guard.Guard(packed, state, page)


def routes(state: State, page: Page) -> list[Route]:
    """Every address."""

    async def metrics(request: Request) -> Response:
        content, kind = state.metrics.shown(request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": kind})

    async def openapi(_: Request) -> Response:
        return JSONResponse(document(state.models, token=state.token is not None))

    return [
        *people.routes(state, page),
        *guard.routes(state, page),
        *protocol.routes(state),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
    ]


def _refused(state: State) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        state.metrics.refused.labels(error.reason).inc()
        return guard.refusal(error)

    return handler


async def _unknown(request: Request, error: Exception) -> Response:
    """An address or a method that is not known, as the protocol's errors are written."""
    assert isinstance(error, HTTPException)
    said = {
        404: "there is nothing at this address; /openapi.json lists what there is",
        405: f"{request.method} is not for this address",
    }.get(error.status_code, error.detail)
    return JSONResponse({"error": said}, error.status_code, error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    """Our own fault, whose traceback goes to standard error."""
    return JSONResponse({"error": "the service failed; its log says how"}, 500)
