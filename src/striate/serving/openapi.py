"""The service's description of itself, as OpenAPI."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from striate.serving.models import Models

_JSON = "application/json"
_BINARY = "application/octet-stream"
_HEADER = "Inference-Header-Content-Length"

#: By status: what it means here.
_REFUSALS = {
    400: "The request is not what the protocol asks for.",
    401: "A token is needed.",
    403: "A page of another origin sent it.",
    404: "There is no such model, version or address.",
    405: "The method is not for this address.",
    408: "The request did not come in in time.",
    413: "The request is too large, or holds too many pictures.",
    415: "The body is encoded in a way that is not known.",
    421: "The service is asked for by a name that is not its own.",
    422: "A picture cannot be read, or has too many pixels.",
    431: "The headers are too large.",
    500: "The network gives no numbers, or the service failed.",
    503: "There is no room at the moment, or the time was up: try again.",
}


def document(models: Models, *, token: bool) -> dict[str, Any]:
    """The OpenAPI document of a service that serves `models`.

    Args:
        models: whose names are listed.
        token: whether one is needed.
    """
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Striate",
            "version": importlib.metadata.version("striate"),
            "description": "Tells classes of pictures, or numbers, by the Open Inference Protocol "
            "(v2) or one by one. Every refusal is JSON with one sentence, `error`.",
        },
        "paths": {**_for_people(models), **_server(), **_models(models), **_repository(models)},
        "components": {"schemas": _schemas(), "responses": _responses()},
    }
    if token:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
    return found


def _for_people(models: Models) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {
        "schema": {
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": {"type": "string", "format": "binary"},
            },
        }
    }
    return {
        "/": {"get": _operation("The page for people", kind="text/html")},
        "/predict": {
            "post": {
                **_operation("The likeliest classes of pictures, or numbers", "Predictions"),
                "parameters": [
                    _query("model", {"enum": models.names}, "The first by default."),
                    _query(
                        "top",
                        {"type": "integer", "minimum": 1},
                        "How many classes, if any; 5.",
                    ),
                    _query("heatmap", {"type": "string"}, "A class's heat map, or 'likeliest'."),
                ],
                "requestBody": {
                    "required": True,
                    "description": "An image file as it is, or several as a form.",
                    "content": {"image/*": binary, _BINARY: binary, "multipart/form-data": form},
                },
            }
        },
        "/examples/{model}/{number}": {
            "get": _operation("A picture to try", kind="image/png"),
            "parameters": [
                _model(models),
                {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}},
            ],
        },
        "/metrics": {"get": _operation("Metrics for Prometheus", kind="text/plain")},
        "/openapi.json": {"get": _operation("This document", "Object")},
    }


def _server() -> dict[str, Any]:
    return {
        "/v2": {"get": _operation("The server's metadata", "Object")},
        "/v2/health/live": {"get": _operation("Whether the process lives", "Object")},
        "/v2/health/ready": {"get": _operation("Whether requests should be sent", "Object")},
        "/v2/models/stats": {"get": _operation("Statistics of all models", "Object")},
    }


def _models(models: Models) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for version in ("", "/versions/{version}"):
        start = "/v2/models/{model}" + version
        named = [_model(models)]
        if version:
            named.append(
                {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
            )
        for end, text in (
            ("", "The model's metadata"),
            ("/ready", "Whether the model is ready"),
            ("/config", "The model's configuration, as Triton writes it"),
            ("/stats", "The model's statistics, as Triton writes them"),
        ):
            found[start + end] = {"get": _operation(text, "Object"), "parameters": named}
        found[start + "/infer"] = {
            "post": {**_operation("Inference", "InferenceAnswer"), "requestBody": _inference()},
            "parameters": [
                *named,
                {
                    "name": _HEADER,
                    "in": "header",
                    "schema": {"type": "integer", "minimum": 0},
                    "description": "Bytes of the JSON document, where binary tensors follow it; "
                    "0 where the whole body is one image file.",
                },
            ],
        }
    return found


def _repository(models: Models) -> dict[str, Any]:
    start = "/v2/repository"
    found: dict[str, Any] = {
        f"{start}/index": {"post": _operation("The models and their states", "Index")}
    }
    for end, text in (("load", "Read a model's file again"), ("unload", "Serve a model no more")):
        found[f"{start}/models/{{model}}/{end}"] = {
            "post": _operation(text, "Object"),
            "parameters": [_model(models)],
        }
    return found


def _operation(text: str, schema: str = "", kind: str = _JSON) -> dict[str, Any]:
    content = {"schema": _reference(schema)} if schema else {"schema": {"type": "string"}}
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _REFUSALS}
    return {
        "summary": text,
        "responses": {"200": {"description": text, "content": {kind: content}}, **refused},
    }


def _responses() -> dict[str, Any]:
    content = {_JSON: {"schema": _reference("Error")}}
    return {
        str(status): {"description": text, "content": content} for status, text in _REFUSALS.items()
    }


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": text}


def _model(models: Models) -> dict[str, Any]:
    return {"name": "model", "in": "path", "required": True, "schema": {"enum": models.names}}


def _inference() -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            _JSON: {"schema": _reference("InferenceRequest")},
            _BINARY: {"schema": {"type": "string", "format": "binary"}},
        },
    }


def _schemas() -> dict[str, Any]:
    text, parameters = {"type": "string"}, {"type": "object"}
    whole = {"type": "integer", "minimum": 1}
    shape = {"type": "array", "items": whole}
    numbers = {"type": "array", "items": {"type": "number"}}
    result = {
        "type": "object",
        "properties": {
            "file": text,
            "error": text,
            "unsure": {"type": "boolean"},
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["class", "probability"],
                    "properties": {
                        "class": text,
                        "probability": {"type": "number", "minimum": 0, "maximum": 1},
                    },
                },
            },
            "values": {"type": "array", "items": _reference("Value")},
            "heatmap": {
                "type": "object",
                "required": ["class", "values", "box"],
                "properties": {
                    "class": text,
                    "values": {"type": "array", "items": numbers},
                    "box": numbers,
                },
            },
        },
    }
    number = {"type": "number"}
    interval = {"level": number, "low": number, "high": number}
    value = {
        "type": "object",
        "required": ["target", "unit", "value", "intervals"],
        "properties": {
            "target": text,
            "unit": text,
            "value": number,
            "intervals": {
                "type": "array",
                "items": {"type": "object", "required": [*interval], "properties": interval},
            },
        },
    }
    state = {"name": text, "version": text, "state": text, "reason": text}
    return {
        "Object": {"type": "object"},
        "Error": {"type": "object", "required": ["error"], "properties": {"error": text}},
        "Value": value,
        "Index": {"type": "array", "items": {"type": "object", "properties": state}},
        "Predictions": {
            "type": "object",
            "required": ["model", "version", "results"],
            "properties": {
                "model": text,
                "version": text,
                "results": {"type": "array", "items": result},
            },
        },
        "InferenceRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": text,
                "parameters": parameters,
                "inputs": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name", "shape", "datatype"],
                        "properties": {
                            "name": {"const": "image"},
                            "shape": shape,
                            "datatype": {"enum": ["BYTES", "UINT8"]},
                            "parameters": parameters,
                            "data": {"type": "array"},
                        },
                    },
                },
                "outputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"enum": ["probabilities", "value", "error"]},
                            "parameters": parameters,
                        },
                    },
                },
            },
        },
        "InferenceAnswer": {
            "type": "object",
            "required": ["model_name", "model_version", "outputs"],
            "properties": {
                "id": text,
                "model_name": text,
                "model_version": text,
                "outputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "shape", "datatype"],
                        "properties": {
                            "name": text,
                            "shape": shape,
                            "datatype": {"enum": ["FP32", "BYTES"]},
                            "parameters": parameters,
                            "data": {"type": "array"},
                        },
                    },
                },
            },
        },
    }
