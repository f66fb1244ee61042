"""A service under many requests of many sizes, then under bad ones, then ended.

``python benchmarks/soak.py FILE IMAGES [--requests 20000] [--sizes 500] [--clients 8]``, where FILE
is an exported file and IMAGES a folder of JPEG files. Prints, as JSON, seconds until the service is
ready, its resident memory on the way, what was answered to good, damaged and too large requests
while some clients leave, and what became of the requests that were under way at SIGTERM.
"""

from __future__ import annotations

import argparse
import http.client
import io
import itertools
import json
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image

KINDS = {"good": 86, "damaged": 5, "too large": 4, "left": 5}
MOST = 2  # megabytes of a request


def pictures(folder: Path, count: int) -> list[bytes]:
    """JPEG files of the images below `folder`, each in a size of its own."""
    rng, found = random.Random(0), []
    files = sorted(folder.rglob("*.jpg"))
    for file in itertools.islice(itertools.cycle(files), count):
        buffer = io.BytesIO()
        size = rng.randint(60, 640), rng.randint(60, 640)
        Image.open(file).convert("RGB").resize(size).save(buffer, "JPEG", quality=85)
        found.append(buffer.getvalue())
    return found


class Soak:
    """One service in a process of its own."""

    def __init__(self, file: Path, bodies: list[bytes], clients: int) -> None:
        self.bodies, self.clients = bodies, clients
        begun = time.monotonic()
        command = [sys.executable, "-m", "striate", "serve", str(file), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--max-body", str(MOST)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r"http://([\d.]+):(\d+)", self.process.stdout.readline())
        assert found is not None, "the service did not start"
        self.place = found[1], int(found[2])
        while self.ask(self.connection(), "GET", "/v2/health/ready", b"") != 200:
            time.sleep(0.02)
        self.ready = time.monotonic() - begun

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.place, timeout=60)

    def ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes
    ) -> int:
        """The status of a request; the connection is closed where the service says so."""
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        if answer.headers.get("connection") == "close":
            connection.close()
        return answer.status

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        told = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        found = re.search(r"VmRSS:\s+(\d+)", told)
        return int(found[1]) / 1024 if found else 0.0

    def together(self, work: Callable[[], None]) -> None:
        """Do `work` in as many threads as there are clients."""
        threads = [threading.Thread(target=work) for _ in range(self.clients)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def many(self, count: int) -> tuple[dict[int, float], Counter[int]]:
        """Memory on the way through `count` requests, and their statuses."""
        numbers, marks, statuses = iter(range(count)), {}, Counter[int]()

        def client() -> None:
            connection = self.connection()
            for number in numbers:
                body = self.bodies[number % len(self.bodies)]
                statuses[self.ask(connection, "POST", "/predict", body)] += 1
                if number % max(count // 10, 1) == 0:
                    marks[number] = round(self.memory, 1)

        self.together(client)
        return {**dict(sorted(marks.items())), count: round(self.memory, 1)}, statuses

    def bad(self, count: int) -> dict[str, dict[str, int]]:
        """The statuses of each kind of request, all of which come together."""
        rng = random.Random(1)
        plan: Iterable[str] = iter(rng.choices([*KINDS], [*KINDS.values()], k=count))
        found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}

        def client() -> None:
            connection = self.connection()
            for kind in plan:
                body = rng.choice(self.bodies)
                if kind == "left":
                    self._leave(body)
                    found[kind]["-"] += 1
                    continue
                sent = {"damaged": body[: len(body) // 2], "too large": bytes(MOST + 1 << 20)}
                status = self.ask(connection, "POST", "/predict", sent.get(kind, body))
                found[kind][str(status)] += 1

        self.together(client)
        return {kind: dict(each) for kind, each in found.items()}

    def _leave(self, body: bytes) -> None:
        with socket.create_connection(self.place) as connection:
            head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % len(body) + body)

    def end(self) -> dict[str, int]:
        """What became of requests while the service ends."""
        found: Counter[str] = Counter()

        def client() -> None:
            while True:
                connection = self.connection()
                try:
                    connection.connect()
                except OSError:
                    return  # nobody is let in any more, which loses nothing
                try:
                    while connection.sock is not None:
                        found[str(self.ask(connection, "POST", "/predict", self.bodies[0]))] += 1
                except OSError as error:
                    found[repr(error)] += 1

        threading.Timer(2, lambda: self.process.send_signal(signal.SIGTERM)).start()
        self.together(client)
        return {**found, "exit": self.process.wait(60)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--sizes", type=int, default=500)
    parser.add_argument("--clients", type=int, default=8)
    given = parser.parse_args()
    soak = Soak(given.file, pictures(given.images, given.sizes), given.clients)
    try:
        memory, statuses = soak.many(given.requests)
        report: dict[str, Any] = {
            "ready": round(soak.ready, 2),
            "memory": memory,
            "statuses": dict(statuses),
            "bad": soak.bad(1000),
            "end": soak.end(),
        }
    finally:
        soak.process.kill()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
