"""What people use: a picture or a few sent as files, the page, and the pictures it offers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from striate.engines.heat_maps import THE_LIKELIEST
from striate.errors import DataError
from striate.serving.bodies import read_body
from striate.serving.heat_maps import heat_maps, label_of
from striate.serving.inferring import infer
from striate.serving.page.build import Page
from striate.serving.refusals import malformed, unknown, unreadable

if TYPE_CHECKING:
    from striate.serving.state import State

_MULTIPART = "multipart/form-data"
_MOST_FIELDS = 16


def routes(state: State, page: Page) -> list[Route]:
    """The page's address, and those that it uses."""

    async def index(_: Request) -> Response:
        return HTMLResponse(page.html(state.models), headers=page.headers)

    async def example(request: Request) -> Response:
        found = state.models.examples.get(request.path_params["model"], ())
        number = request.path_params["number"]
        if number >= len(found):
            raise unknown("there is no such example")
        headers = {"Cache-Control": "private, max-age=3600"}
        return Response(found[number].content, media_type="image/png", headers=headers)

    async def predict(request: Request) -> Response:
        return JSONResponse(await _predict(state, request))

    return [
        Route("/", index),
        Route("/examples/{model}/{number:int}", example),
        Route("/predict", predict, methods=["POST"]),
    ]


async def _predict(state: State, request: Request) -> dict[str, Any]:
    """What is predicted of the pictures in the body: one as it is, or several as a form."""
    query = request.query_params
    name, wanted = query.get("model", state.models.names[0]), query.get("heatmap")
    model = state.models.get(name)  # a wrong name is told before a body is read
    model.kind.wanted(query.get("top"))
    if wanted is not None:
        label_of(model, wanted)
    request.scope["path_params"]["model"] = name
    with state.room.for_bytes() as held:
        body = await read_body(request, state.room.limits, held)
        files = await _files(request, body, state.room.limits.queue)
        with state.models.using(name) as model:
            pictures = [content for _, content in files]
            found = await infer(request, model, pictures, state.room, state.metrics)
            if len(found) == 1 and isinstance(found[0], DataError):
                raise unreadable(found[0], files[0][0] or "the picture")
            kind, top = model.kind, model.kind.wanted(query.get("top"))
            results = [
                kind.told(file, outcome, top)
                for (file, _), outcome in zip(files, found, strict=True)
            ]
            if wanted is not None:
                label = label_of(model, wanted)
                maps = await heat_maps(request, model, pictures, label, state.room)
                for result, outcome, each in zip(results, found, maps, strict=True):
                    if not isinstance(outcome, DataError) and not isinstance(each, DataError):
                        best = int(outcome.argmax()) if label == THE_LIKELIEST else label
                        named = {"class": kind.labels[best]}
                        result["heatmap"] = named | each
            return {"model": name, "version": model.version, "results": results}


async def _files(request: Request, body: bytes, most: int) -> list[tuple[str, bytes]]:
    """Names and contents of the pictures in a body."""
    if not request.headers.get("content-type", "").lower().startswith(_MULTIPART):
        if not body:
            raise malformed("the body is empty; send a picture: curl --data-binary @photo.jpg")
        return [("", body)]

    async def whole() -> AsyncIterator[bytes]:
        yield body

    parser = MultiPartParser(
        request.headers,
        whole(),  # type: ignore[arg-type]  # which it only goes through
        max_files=most,
        max_fields=_MOST_FIELDS,
    )
    parser.spool_max_size = len(body) + 1  # nothing goes to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, AssertionError) as error:
        said = getattr(error, "message", "it is damaged")
        raise malformed(f"the form cannot be read ({said})") from None
    files = [
        (each.filename or "", await each.read())
        for _, each in form.multi_items()
        if isinstance(each, UploadFile)
    ]
    if not files:
        raise malformed("the form holds no file; send one: curl -F picture=@photo.jpg")
    return files
