"""The service's description of itself against its addresses and its answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.routing import Route

from striate.serving import refusals
from striate.serving.app import routes
from striate.serving.page.build import build

from .conftest import as_file, noise  # type: ignore[import-not-found]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def plain(path: str) -> str:
    return re.sub(r":\w+}", "}", path.rstrip("/") or "/")


def test_every_address_and_method_is_told_and_no_other(serve: Callable[..., Any]) -> None:
    service, client = serve(token="x")
    told = client.json("/openapi.json", Authorization="Bearer x")
    there = {
        (plain(route.path), method.lower())
        for route in routes(service.state, build())
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    listed = {
        (path, method) for path, item in told["paths"].items() for method in set(item) & METHODS
    }
    assert listed == there - {("/enter", "post")}
    assert told["security"] == [{"token": []}]


def test_every_status_that_is_answered_is_told(shared: Any) -> None:
    told = shared.json("/openapi.json")["paths"]["/predict"]["post"]["responses"]
    pattern = re.compile(r"(?:Refused|_refuse)\(\s*(\d{3})")
    sources = Path(refusals.__file__).parent.rglob("*.py")
    answered = {status for path in sources for status in pattern.findall(path.read_text("utf-8"))}
    assert {"421", "413", "503", "500"} <= answered
    assert answered - {"499"} <= set(told)  # whoever has gone reads no status


METHODS = {"get", "post", "put", "delete", "patch"}


def test_references_lead_somewhere_and_parameters_are_those_of_the_path(shared: Any) -> None:
    told = shared.json("/openapi.json")
    for reference in references(told):
        place: Any = told
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for path, item in told["paths"].items():
        named = {each["name"] for each in item.get("parameters", []) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), path


def test_answers_have_the_keys_that_are_told(shared: Any) -> None:
    schemas = shared.json("/openapi.json")["components"]["schemas"]
    found = shared.json("/predict", as_file(noise(40, 40)))
    assert set(found) == set(schemas["Predictions"]["required"])
    result = schemas["Predictions"]["properties"]["results"]["items"]["properties"]
    assert set(found["results"][0]) <= set(result)
