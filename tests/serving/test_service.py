"""The process: how it starts, takes new files, and ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.errors import StriateError
from striate.serving.models import Models
from striate.serving.options import ServeOptions
from striate.serving.service import Service

from .conftest import Client, as_file, expected, noise, write_file  # type: ignore[import-not-found]

Serve = Callable[..., Any]
PICTURE = as_file(noise(40, 40))


class Clients:
    """Threads that ask without a pause, over connections that they keep."""

    def __init__(self, client: Any, count: int, bodies: list[bytes]) -> None:
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self.stopped = threading.Event()
        self._client, self._bodies = client, bodies
        self._threads = [threading.Thread(target=self._ask, args=(k,)) for k in range(count)]

    def __enter__(self) -> Clients:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for each in self._threads:
            each.join()

    def _ask(self, number: int) -> None:
        connection = self._client.connection()
        while not self.stopped.is_set():
            try:
                connection.connect()
            except OSError:
                return  # nobody is let in any more, which loses nothing
            while not self.stopped.is_set():
                body = self._bodies[(len(self.statuses) + number) % len(self._bodies)]
                try:
                    connection.request("POST", "/predict", body)
                    answer = connection.getresponse()
                    answer.read()
                except OSError as error:
                    self.lost.append(repr(error))
                    return
                self.statuses.append(answer.status)
                if answer.headers.get("connection") == "close":
                    break
            connection.close()


@pytest.fixture
def start(file: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], Any]]]:
    """Starts the command in a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], Any]:
        command = [sys.executable, "-m", "striate", "serve", str(file), "--port", "0"]
        process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[\d.]+:\d+/", line)
        assert found, (line, process.communicate(timeout=30))
        if "--json" in arguments:
            assert json.loads(line) == {"address": found[0]}
        return process, Client(found[0])

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.slow
def test_every_accepted_request_is_answered_when_it_ends(start: Any) -> None:
    process, client = start()
    idle = client.connection()
    idle.connect()
    with Clients(client, 8, [PICTURE]) as clients:
        time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        # A connection that was there before still has its request answered.
        idle.request("POST", "/predict", PICTURE)
        assert idle.getresponse().status == 200
        assert process.wait(20) == 0
    assert clients.lost == []
    assert len(clients.statuses) > 20
    assert set(clients.statuses) == {200}
    assert process.stderr.read() == ""


@pytest.mark.slow
def test_a_second_signal_does_not_wait(start: Any) -> None:
    process, client = start("--timeout", "60", "--json")
    host, port = client.place.split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        time.sleep(1.6)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_not_ready_once_it_is_about_to_end(serve: Serve) -> None:
    service, client = serve()
    connection = client.connection()
    connection.connect()
    time.sleep(0.2)
    service.stop()
    while not service.state.draining:
        time.sleep(0.01)
    connection.request("GET", "/v2/health/ready")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert json.loads(answer.read()) == {"live": True, "ready": False}


def test_a_new_file_takes_the_place_of_the_old_without_losing_a_request(
    serve: Serve, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "m.onnx")
    _, client = serve(file)
    load = "/v2/repository/models/m/load"
    with Clients(client, 6, [PICTURE]) as clients:
        for k in range(4):
            classes = tuple(f"{name}{k}" for name in "abc")
            fresh = write_file(tmp_path / "next.onnx", classes=classes)
            fresh.replace(file)
            assert client.json(load, b"") == {}
            found = client.json("/predict", PICTURE)
            assert found["version"] == str(k + 2)
            assert found["results"][0]["predictions"][0]["class"][1:] == str(k)
    assert clients.lost == []
    assert set(clients.statuses) == {200}
    file.write_bytes(b"no model")
    status, said = client.refused(load, b"")
    assert status == 400
    assert "is no sound ONNX file" in said
    assert client.json("/predict", PICTURE)["version"] == "5"
    other = {"parameters": {"file": "/etc/passwd"}}
    assert client.refused(load, other)[0] == 400


def test_a_model_that_is_unloaded_is_gone_until_it_is_loaded(serve: Serve) -> None:
    _, client = serve()
    assert client.json("/v2/repository/models/colours/unload", b"") == {}
    assert client.refused("/predict", PICTURE) == (
        404,
        "the model 'colours' is not loaded at the moment",
    )
    assert client("/v2/health/ready")[0] == 503
    assert client.json("/v2/repository/index", b"")[0]["state"] == "UNAVAILABLE"
    page = client("/")[2].decode()
    assert "<h2>No model is loaded</h2>" in page
    assert "Drop pictures here" not in page
    assert client.json("/v2/repository/models/colours/load", b"") == {}
    assert client("/v2/health/ready")[0] == 200
    assert client.json("/predict", PICTURE)["version"] == "2"
    assert client.refused("/v2/repository/models/other/load", b"")[0] == 404


def test_innocent_requests_succeed_beside_every_kind_of_bad_one(serve: Serve) -> None:
    """Corrupt pictures, bodies that are too large and clients that leave, among good ones."""
    service, client = serve(max_body=1)
    images = [noise(20 + 3 * k, 40, k) for k in range(7)]
    answers = [expected(each) for each in images]
    files = [as_file(each, "PNG") for each in images]
    wrong: list[object] = []
    innocent = []

    def good(number: int) -> None:
        connection = client.connection()
        for k in range(30):
            which = (number + k) % len(files)
            connection.request("POST", "/predict", files[which])
            answer = connection.getresponse()
            found = json.loads(answer.read())
            innocent.append(answer.status)
            if answer.status != 200:
                wrong.append(found)
                continue
            shares = {e["class"]: e["probability"] for e in found["results"][0]["predictions"]}
            names = service.state.models.get("colours").kind.labels
            if not np.allclose([shares[name] for name in names], answers[which], atol=1e-4):
                wrong.append((which, shares))
        connection.close()

    def bad(number: int) -> None:
        for k in range(8):
            body = (files[number][: 200 + k], b"\xff\xd8\xff" + bytes(99), bytes(2 << 20))[k % 3]
            if client("/predict", body)[0] not in (413, 422):
                wrong.append(k)
            leaving = client.connection()
            leaving.request("POST", "/predict", files[0])
            leaving.close()

    threads = [threading.Thread(target=good, args=(k,)) for k in range(6)]
    threads += [threading.Thread(target=bad, args=(k,)) for k in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
    assert innocent == [200] * 180


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_pytorch_is_not_loaded_and_memory_does_not_grow_with_the_sizes_of_pictures(
    start: Any,
) -> None:
    process, client = start()
    connection = client.connection()

    def resident() -> int:
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    def ask(seed: int) -> None:
        rng = np.random.default_rng(seed)
        height, width = rng.integers(16, 400, 2)
        connection.request("POST", "/predict", as_file(noise(height, width, seed), "JPEG"))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200

    for seed in range(150):
        ask(seed)
    assert "torch" not in Path(f"/proc/{process.pid}/maps").read_text("utf-8")
    before = resident()
    for seed in range(150, 450):
        ask(seed)
    assert resident() < 1.05 * before + 4096


def test_what_cannot_be_served_is_told_before_anything_listens(file: Path, tmp_path: Path) -> None:
    def said(*models: object, **options: Any) -> str:
        with pytest.raises(StriateError) as caught:
            Service(ServeOptions([str(each) for each in models], port=0, **options))
        return str(caught.value)

    assert "there is no such file" in said(tmp_path / "none.onnx")
    assert "there is no such run" in said(tmp_path / "none")
    assert "is not a run" in said(tmp_path)
    assert "two models are called 'colours'" in said(file, file)
    assert "no address of this machine" in said(file, host="no.such.host.invalid")
    (tmp_path / "broken.onnx").write_bytes(b"x")
    assert "is no sound ONNX file" in said(file, tmp_path / "broken.onnx")
    assert "engine" in said(file, engine="torch")
    assert "names nothing to serve" in said()


def test_a_port_that_is_taken(file: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StriateError, match=r"`port=\d+`: cannot be taken at 127\.0\.0\.1"):
            Service(ServeOptions(file, port=other.getsockname()[1]))


def test_a_port_that_another_service_takes_meanwhile(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        opened = Models.open_all

        def open_all(models: Models) -> None:
            other.listen()
            opened(models)

        monkeypatch.setattr(Models, "open_all", open_all)
        with pytest.raises(StriateError, match=r"`port=\d+`: cannot be taken at 127\.0\.0\.1"):
            Service(ServeOptions(file, port=other.getsockname()[1]))


def test_who_opens_it_to_everybody_is_warned(file: Path) -> None:
    with Service(ServeOptions(file, host="0.0.0.0", port=0)) as service:
        assert "a token keeps others out" in service.warning
        assert service.state.hosts is None
        assert service.address.startswith("http://127.0.0.1:")
    with Service(ServeOptions(file, host="0.0.0.0", port=0, token="x")) as service:
        assert service.warning == ""


def test_nothing_of_the_service_is_left(file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = set(threading.enumerate())
    with Service(ServeOptions(file, port=0)) as service:
        threading.Timer(0.3, service.stop).start()
        service.run()
    assert list(tmp_path.iterdir()) == []
    assert {each for each in threading.enumerate() if each.is_alive()} <= before
