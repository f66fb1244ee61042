"""What is too large, too much or too slow: each with its status and one sentence."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from striate.serving.bodies import _unpack
from striate.serving.limits import Limits, Room
from striate.serving.pipeline import _Job
from striate.serving.refusals import Refused

from .conftest import as_file, noise  # type: ignore[import-not-found]

Serve = Callable[..., Any]
PICTURE = as_file(noise(40, 40))
WHOLE = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (
    len(PICTURE),
    PICTURE,
)


class Held:
    """A session that computes nothing before it is told to."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.name, self.batch_size = session.name, session.batch_size
        self.go = threading.Event()

    def run(self, batches: Iterable[Any]) -> Generator[Any]:
        for batch in batches:
            assert self.go.wait(20)
            yield from self._session.run([batch])

    def close(self) -> None:
        self._session.close()


def hold(service: Any) -> Held:
    classifier = service.state.models.get("colours").predictor
    held = Held(classifier.session)
    classifier.session = held
    return held


def emptied(service: Any) -> None:
    """Wait until no picture is in `service`."""
    while service.state.room.pictures:
        time.sleep(0.01)


def raw(client: Any, content: bytes, *, seconds: float = 10, finish: bool = True) -> bytes:
    """All that the service answers to bytes of any kind."""
    host, port = client.place.split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(content)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


def test_a_body_that_is_too_large_whether_it_says_so_or_not(serve: Serve) -> None:
    _, client = serve(max_body=1)
    large = bytes(3 << 20)
    said = "the request is larger than the 1 MiB that are taken"
    assert client.refused("/predict", large)[0] == 413
    assert said in client.refused("/v2/models/colours/infer", large)[1]
    assert said in client.refused("/predict", iter([large[:70_000]] * 30))[1]  # in chunks
    assert said in client.refused("/predict", gzip.compress(large), Content_Encoding="gzip")[1]
    bomb = gzip.compress(bytes(64 << 20))
    assert said in client.refused("/predict", bomb, Content_Encoding="gzip")[1]
    assert client.json("/predict", PICTURE)["results"]


def test_a_body_that_is_packed_in_several_parts(serve: Serve) -> None:
    _, client = serve(max_body=1)
    parts = [PICTURE[:7], PICTURE[7:500], PICTURE[500:]]
    packed = b"".join(map(gzip.compress, parts))
    for body in (packed, packed + bytes(100), packed + bytes(200_000)):
        assert client("/predict", body, Content_Encoding="gzip")[0] == 200
    again = zlib.compress(PICTURE)
    assert client("/predict", again, Content_Encoding="deflate")[0] == 200
    for body, kind in (
        (packed + b"more", "gzip"),
        (packed[:-1], "gzip"),
        (again + again, "deflate"),
        (gzip.compress(b"") * 5000, "gzip"),
        (b"", "gzip"),
    ):
        assert client.refused("/predict", body, Content_Encoding=kind)[0] == 400
    many = b"".join(gzip.compress(bytes(1 << 16)) for _ in range(20))
    assert client.refused("/predict", many, Content_Encoding="gzip")[0] == 413


def test_what_a_body_unpacks_to_is_counted_while_it_is_unpacked() -> None:
    limits = Limits(body=8 << 20)
    room = Room(limits)
    packed = gzip.compress(bytes(8 << 20))

    async def unpack() -> None:
        with room.for_bytes() as held:
            assert len(await _unpack(packed, "gzip", limits, held)) == 8 << 20
            assert room._bytes == 8 << 20
        assert room._bytes == 0
        with room.for_bytes() as full, room.for_bytes() as held:
            full.become(16 * limits.body - (3 << 20))
            with pytest.raises(Refused, match="as its memory allows"):
                await _unpack(packed, "gzip", limits, held)
            assert held.count == len(packed) + (2 << 20)  # no further than it fits

    asyncio.run(unpack())


def test_pictures_of_too_many_pixels_are_refused_before_they_are_decoded(serve: Serve) -> None:
    _, client = serve(max_pixels=1000)
    status, said = client.refused("/predict", PICTURE)
    assert (status, said) == (
        422,
        "the picture has 40 x 40 pixels, of which at most 1,000 are taken; make it smaller",
    )
    pixels = {"name": "image", "datatype": "UINT8", "shape": [1, 40, 40, 3]}
    asked = {"inputs": [{**pixels, "data": noise(40, 40).ravel().tolist()}]}
    assert client.refused("/v2/models/colours/infer", asked)[0] == 422
    # A header alone, which promises far more than there is.
    bomb = bytearray(as_file(np.zeros((1, 1), np.uint8)))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    assert client.refused("/predict", bytes(bomb))[0] == 422


def test_a_full_queue_is_told_and_empties_again(serve: Serve) -> None:
    service, client = serve(max_queue=3, timeout=20)
    held = hold(service)
    found: list[int] = []
    waiting = [
        threading.Thread(target=lambda: found.append(client("/predict", PICTURE)[0]))
        for _ in range(3)
    ]
    for each in waiting:
        each.start()
    while service.state.room.pictures < 3:
        time.sleep(0.01)
    status, headers, body = client("/predict", PICTURE)
    assert (status, headers["retry-after"]) == (503, "1")
    assert json.loads(body)["error"] == "3 pictures are waiting already; try again in a moment"
    held.go.set()
    for each in waiting:
        each.join()
    assert found == [200] * 3
    assert client("/predict", PICTURE)[0] == 200
    text = base64.b64encode(PICTURE).decode()
    many = {"name": "image", "datatype": "BYTES", "shape": [4], "data": [text] * 4}
    status, said = client.refused("/v2/models/colours/infer", {"inputs": [many]})
    assert status == 413
    assert "send them in several requests" in said


def test_an_answer_that_is_not_found_in_time(serve: Serve) -> None:
    service, client = serve(timeout=0.3)
    held = hold(service)
    status, said = client.refused("/predict", PICTURE)
    assert status == 503
    assert "not found within 0.3 s" in said
    assert service.state.room.pictures == 1  # it is in the engine still
    held.go.set()
    emptied(service)
    assert client("/predict", PICTURE)[0] == 200


def test_pictures_of_a_client_that_has_gone_are_dropped(serve: Serve) -> None:
    service, client = serve()
    held = hold(service)
    connections = [client.connection() for _ in range(5)]
    for each in connections:
        each.request("POST", "/predict", PICTURE)
    while service.state.room.pictures < 5:
        time.sleep(0.01)
    for each in connections:
        each.close()
    left = 'striate_rejected_total{reason="disconnected"} 5.0'
    while left not in (told := client("/metrics")[2].decode()):
        time.sleep(0.01)
    # None of them takes the room of others twice: they are counted until they are out of it.
    assert "striate_waiting_pictures 5.0" in told
    held.go.set()
    emptied(service)
    assert client("/predict", PICTURE)[0] == 200
    assert "striate_waiting_pictures 0.0" in client("/metrics")[2].decode()


def test_the_picture_of_a_client_that_has_gone_is_let_go_of_before_it_is_read() -> None:
    async def left() -> tuple[bytes, int]:
        count: list[int] = []
        job = _Job(PICTURE, asyncio.get_running_loop().create_future(), lambda: count.append(1))
        job.future.add_done_callback(job.forget)
        job.future.cancel()
        await asyncio.sleep(0)
        return job.picture, len(count)

    assert asyncio.run(left()) == (b"", 0)


def test_requests_that_are_sent_ahead_without_end(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    service, client = serve()
    held = hold(service)
    ahead = b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with suppress(ConnectionError):
        assert raw(client, WHOLE + 1000 * ahead, finish=False) == b""
    held.go.set()
    emptied(service)
    metrics = client("/metrics")[2].decode()
    assert 'striate_rejected_total{reason="pipeline"}' in metrics
    assert "Traceback" not in capfd.readouterr().err
    last = ahead.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert raw(client, 60 * ahead + last, finish=False).count(b"HTTP/1.1 200 OK") == 61


def test_answers_that_nobody_takes(serve: Serve) -> None:
    _, client = serve(timeout=0.2)
    host, port = client.place.split(":")
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:

        def ask(times: int) -> None:
            for _ in range(times):
                connection.sendall(asked)
                time.sleep(0.005)

        with pytest.raises(ConnectionError):
            ask(4000)
    metrics = client("/metrics")[2].decode()
    assert 'striate_rejected_total{reason="slow"}' in metrics
    assert "striate_connections 1.0" in metrics


def test_noise_behind_a_request(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    service, client = serve()
    held = hold(service)
    assert raw(client, WHOLE + b"\x00\x01\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    held.go.set()
    emptied(service)
    assert client("/predict", PICTURE)[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_request_that_comes_too_slowly(serve: Serve) -> None:
    _, client = serve(timeout=0.5)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"
    found = raw(client, head, finish=False)
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"did not come in within 0.5 s" in found
    assert raw(client, b"GET / HT", finish=False).startswith(b"HTTP/1.1 408 ")
    assert raw(client, b"", finish=False).startswith(b"HTTP/1.1 408 ")


def test_what_is_no_http(serve: Serve) -> None:
    _, client = serve()
    found = raw(client, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert found.startswith(b"HTTP/1.1 400 ")
    assert json.loads(found.partition(b"\r\n\r\n")[2])["error"] == "this is no sound HTTP request"
    endless = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: 1234567890\r\n" * 5000
    assert raw(client, endless, finish=False).startswith(b"HTTP/1.1 431 ")


def test_no_more_connections_than_there_may_be(serve: Serve) -> None:
    _, client = serve(max_connections=3)
    host, port = client.place.split(":")
    held = [socket.create_connection((host, int(port))) for _ in range(3)]
    found = raw(client, b"GET / HTTP/1.1\r\n\r\n", finish=False)
    assert found.startswith(b"HTTP/1.1 503 ")
    assert b"too many connections are open" in found
    for each in held:
        each.close()
    for _ in range(100):
        if client("/v2/health/live")[0] == 200:
            break
        time.sleep(0.02)
    assert client("/predict", PICTURE)[0] == 200


def test_requests_that_would_fill_the_memory(serve: Serve) -> None:
    service, client = serve(max_body=1)
    with service.state.room.for_bytes() as held:
        held.become(16 << 20)
        status, said = client.refused("/predict", PICTURE)
    assert status == 503
    assert "memory" in said
    assert client("/predict", PICTURE)[0] == 200


@pytest.mark.parametrize(
    "options", [{"max_body": 0}, {"max_queue": 0}, {"timeout": 0}, {"max_pixels": 0}]
)
def test_limits_have_limits(file: Any, options: dict[str, Any]) -> None:
    from striate.errors import StriateError
    from striate.serving.options import ServeOptions

    with pytest.raises(StriateError, match=next(iter(options))):
        ServeOptions(file, **options)
