"""Hosts, origins and the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from striate.errors import StriateError
from striate.serving.options import ServeOptions
from striate.serving.service import Service

from .conftest import as_file, noise  # type: ignore[import-not-found]

Serve = Callable[..., Any]
PICTURE = as_file(noise(40, 40))


def test_a_name_that_leads_here_by_a_trick_is_not_served(shared: Any) -> None:
    assert shared.refused("/v2", Host="evil.example")[0] == 421
    assert shared.refused("/predict", PICTURE, Host="evil.example:80")[0] == 421
    assert shared("/v2", Host="localhost:1234")[0] == 200
    assert shared("/v2", Host="[::1]:1234")[0] == 200
    assert shared.refused("/v2", Host="[x")[0] == 421


def test_pages_of_other_origins_may_send_nothing(shared: Any) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert shared.refused("/predict", PICTURE, Origin=origin)[0] == 403
        assert shared.refused("/v2/repository/models/colours/unload", b"", Origin=origin)[0] == 403
    own = f"http://{shared.place}"
    status, headers, _ = shared("/predict", PICTURE, Origin=own)
    assert status == 200
    assert "access-control-allow-origin" not in headers


def test_every_answer_is_marked(shared: Any) -> None:
    for path in ("/", "/v2", "/nothing", "/metrics", "/openapi.json"):
        _, headers, _ = shared(path)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
    _, headers, _ = shared("/")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_token_is_asked_for_everywhere_but_for_health(serve: Serve) -> None:
    _, client = serve(token="abc-123")
    assert client("/v2/health/live")[0] == client("/v2/health/ready")[0] == 200
    for path in ("/v2", "/metrics", "/openapi.json", "/v2/models/colours", "/examples/colours/0"):
        status, headers, _ = client(path)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("", "Bearer", "Bearer abc-12", "Bearer abc-1234", "Basic abc-123", "Bearer ä"):
        assert client.refused("/predict", PICTURE, Authorization=wrong.encode())[0] == 401
    assert client("/predict", PICTURE, Authorization="Bearer abc-123")[0] == 200
    assert client("/predict", PICTURE, Authorization="bearer abc-123", Host="any.name")[0] == 200


def test_people_enter_the_token_once(serve: Serve) -> None:
    _, client = serve(token="abc-123")
    status, headers, page = client("/")
    assert status == 401
    assert b'action="/enter"' in page
    assert b"abc-123" not in page
    status, _, page = client("/enter", "token=abc", Content_Type="x-www-form-urlencoded")
    assert status == 401
    assert b"wrong" in page
    status, headers, _ = client("/enter", "token=abc-123")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "abc-123" not in cookie
    kept = cookie.partition(";")[0]
    assert kept.startswith(f"striate-{client.place.partition(':')[2]}=")
    _, beside = serve(token="another")  # browsers send it the same cookies
    theirs = beside("/enter", "token=another")[1]["set-cookie"].partition(";")[0]
    for each in (client, beside):
        assert each("/", Cookie=f"{kept}; {theirs}")[0] == 200
    assert beside("/", Cookie=kept)[0] == 401
    assert client("/", Cookie=kept)[0] == 200
    assert client("/predict", PICTURE, Cookie=kept)[0] == 200
    others = f'theirs={{"a": [1, "b"]}}; {kept}; more[]=x'  # of whatever else runs on the machine
    assert client("/predict", PICTURE, Cookie=others)[0] == 200
    assert client("/predict", PICTURE, Cookie=kept[:-1])[0] == 401
    assert client("/predict", PICTURE, Cookie=kept, Origin="http://evil.example")[0] == 403


@pytest.mark.parametrize("host", ["x/enter?", "x/v2/health/live#", "x/v2/health/ready?/"])
def test_no_host_leads_round_the_token(serve: Serve, host: str) -> None:
    _, client = serve(token="abc-123")
    assert client("/v2", Host=host)[0] == 401


def test_who_has_no_token_may_send_little(serve: Serve) -> None:
    _, client = serve(token="abc-123")
    status, said = client.refused("/enter", bytes(10_000))
    assert (status, "4,096 bytes" in said) == (413, True)


def test_the_token_may_stand_in_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_TOKEN", "from-outside")
    _, client = serve()
    assert client("/v2")[0] == 401
    assert client("/v2", Authorization="Bearer from-outside")[0] == 200


@pytest.mark.parametrize("token", ["", "with space", "ünï", "a\nb"])
def test_a_token_that_no_header_holds_is_refused(file: Any, token: str) -> None:
    with pytest.raises(StriateError, match="token"):
        Service(ServeOptions(file, port=0, token=token))
