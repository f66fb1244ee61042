"""The protocol's addresses: health, metadata, inference, the repository, statistics."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from striate.errors import DataError
from striate.serving.bodies import read_body
from striate.serving.inferring import infer
from striate.serving.models import Model
from striate.serving.protocol.messages import (
    ERROR,
    HEADER_LENGTH,
    INPUT,
    answer,
    read_inference,
)
from striate.serving.refusals import malformed, sentence_of, unreadable

if TYPE_CHECKING:
    from striate.serving.state import State

PLATFORM = "onnx_onnxv1"
EXTENSIONS = ("binary_tensor_data", "classification", "model_repository", "statistics")


def routes(state: State) -> list[Route]:
    """Every address that begins with ``/v2``."""
    return [*_of_the_server(state), *_of_models(state), *_of_the_repository(state)]


def _of_the_server(state: State) -> list[Route]:
    async def server(_: Request) -> Response:
        version = importlib.metadata.version("striate")
        return JSONResponse({"name": "striate", "version": version, "extensions": EXTENSIONS})

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        now = state.ready
        return JSONResponse({"live": True, "ready": now}, 200 if now else 503)

    return [
        Route("/v2", server),
        Route("/v2/", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
    ]


def _of_models(state: State) -> list[Route]:
    def asked(request: Request) -> Model:
        named = request.path_params
        return state.models.get(named["model"], named.get("version"))

    async def metadata(request: Request) -> Response:
        return JSONResponse(described(asked(request)))

    async def ready(request: Request) -> Response:
        return JSONResponse({"name": asked(request).name, "ready": True})

    async def config(request: Request) -> Response:
        return JSONResponse(configured(asked(request)))

    async def stats(request: Request) -> Response:
        chosen = [asked(request)] if "model" in request.path_params else state.models.served
        found = [each.counts.statistics(each.name, each.version) for each in chosen]
        return JSONResponse({"model_stats": found})

    async def inference(request: Request) -> Response:
        return await _inference(state, request)

    found = [Route("/v2/models/stats", stats)]
    for version in ("", "/versions/{version}"):
        start = "/v2/models/{model}" + version
        found += [
            Route(start, metadata),
            Route(start + "/ready", ready),
            Route(start + "/config", config),
            Route(start + "/stats", stats),
            Route(start + "/infer", inference, methods=["POST"]),
        ]
    return found


async def _inference(state: State, request: Request) -> Response:
    name, version = request.path_params["model"], request.path_params.get("version")
    state.models.get(name, version)  # a wrong name is told before a body is read
    with state.room.for_bytes() as held:
        body = await read_body(request, state.room.limits, held)
        length = request.headers.get(HEADER_LENGTH)
        with state.models.using(name, version) as model:
            kind, most = model.kind, state.room.limits.pixels
            asked = await state.aside(len(body), read_inference, body, length, most, kind)
            found = await infer(request, model, asked.pictures, state.room, state.metrics)
            if not asked.lenient:
                _refuse_unreadable(found)
            rows = np.zeros((len(found), model.predictor.outputs), np.float32)
            errors = [""] * len(found)
            for number, each in enumerate(found):
                if isinstance(each, DataError):
                    errors[number] = sentence_of(each, "picture")
                else:
                    rows[number] = each
            content, size = await state.aside(
                rows.nbytes,
                answer,
                asked,
                rows,
                errors,
                model=name,
                version=model.version,
                labels=kind.labels,
            )
    if size is None:
        return Response(content, media_type="application/json")
    return Response(
        content, media_type="application/octet-stream", headers={HEADER_LENGTH: str(size)}
    )


def _refuse_unreadable(found: list[Any]) -> None:
    for number, each in enumerate(found, start=1):
        if isinstance(each, DataError):
            which = "the picture" if len(found) == 1 else f"picture {number} of {len(found)}"
            raise unreadable(each, which)


def _of_the_repository(state: State) -> list[Route]:
    async def index(_: Request) -> Response:
        served = {each.name: each.version for each in state.models.served}
        rows = [
            {"name": name, "version": served[name], "state": "READY", "reason": ""}
            if name in served
            else {"name": name, "state": "UNAVAILABLE", "reason": "unloaded"}
            for name in state.models.names
        ]
        return JSONResponse(rows)

    async def load(request: Request) -> Response:
        document = await _document(request, state)
        if document.get("parameters"):
            raise malformed("a model is loaded from its own file again, and takes no parameters")
        await state.models.load(request.path_params["model"])
        return JSONResponse({})

    async def unload(request: Request) -> Response:
        await _document(request, state)
        await state.models.unload(request.path_params["model"])
        return JSONResponse({})

    start = "/v2/repository/models/{model}"
    return [
        Route("/v2/repository/index", index, methods=["POST"]),
        Route(start + "/load", load, methods=["POST"]),
        Route(start + "/unload", unload, methods=["POST"]),
    ]


async def _document(request: Request, state: State) -> Mapping[str, Any]:
    """The small JSON object that a request may hold."""
    with state.room.for_bytes() as held:
        body = await read_body(request, state.room.limits, held)
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise malformed("the body is no sound JSON document") from None
    if not isinstance(found, dict):
        raise malformed("the body must be a JSON object")
    return found


def described(model: Model) -> dict[str, Any]:
    """The protocol's metadata of a model."""
    channels, _, _ = model.predictor.input
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, -1, -1, channels]}],
        "outputs": [
            {
                "name": model.kind.output,
                "datatype": "FP32",
                "shape": [-1, model.predictor.outputs],
            },
            {"name": ERROR, "datatype": "BYTES", "shape": [-1]},
        ],
    }


def configured(model: Model) -> dict[str, Any]:
    """What Triton calls the configuration of a model."""
    channels, _, _ = model.predictor.input
    return {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "striate",
        "max_batch_size": model.predictor.batch_size,
        "input": [{"name": INPUT, "data_type": "TYPE_UINT8", "dims": [-1, -1, channels]}],
        "output": [
            {
                "name": model.kind.output,
                "data_type": "TYPE_FP32",
                "dims": [model.predictor.outputs],
            }
        ],
        "parameters": {
            name: {"string_value": text}
            for name, text in {"engine": model.engine, **model.kind.parameters}.items()
        },
    }
