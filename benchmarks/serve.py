"""The service beside the engine alone, and beside LitServe and MLServer with the same network.

``python benchmarks/serve.py IMAGES [--net resnet50] [--file FILE] [--clients 8 32] [--requests 500]
[--rounds 3] [--engine openvino] [--litserve PYTHON] [--mlserver PYTHON] [--json FILE]``, where
IMAGES is a folder of JPEG files, and the two PYTHONs are interpreters of environments that have
these servers, openvino, numpy and Pillow (`serve_sides.py`).

Every round measures each side in turn, in processes of their own, so that ratios within a round are
of one state of the machine; medians over the rounds are shown. The unit is the processor's time a
picture: of the server's process and its children, without the clients'. The engine alone reads,
fits and computes the same files in one process, as `Classifier.predict` does, without HTTP. A
network without ``--file`` has random weights, which costs as much.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SIDES = Path(__file__).with_name("serve_sides.py")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """What a side did in some seconds: CPU in ms a picture, pictures a second, latencies in ms."""

    cpu: float
    rate: float
    latencies: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))]


# --------------------------------------------------------------------------------- the engine alone


def engine_alone(file: str, images: str, engine: str, count: int) -> None:
    """In a process of its own: print its processor time a picture, and its pictures a second."""
    from itertools import cycle, islice

    from striate.data.scan import threads
    from striate.inference.classifier import Classifier

    paths = [str(path) for path in sorted(Path(images).rglob("*.jpg"))[:64]]
    with Classifier.of_file(file, engine=engine) as classifier:
        for number in (16, count):  # the first time to warm up
            cpu, wall = time.process_time(), time.perf_counter()
            asked = islice(cycle(paths), number)
            assert not any(one.error for one in classifier.predict(asked, workers=threads(None)))
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": 1000 * cpu / count, "rate": count / wall}))


def measured_alone(given: argparse.Namespace, file: Path) -> Measured:
    command = [sys.executable, __file__, "--alone", str(file), given.images, given.engine]
    done = subprocess.run(
        [*command, str(given.requests)], capture_output=True, text=True, check=True
    )
    return Measured(**json.loads(done.stdout))


# ------------------------------------------------------------------------------------------ clients


@dataclass(frozen=True)
class Asked:
    """Where requests go, and what is in them."""

    port: int
    path: str
    bodies: list[bytes]


async def ask(asked: Asked, clients: int, requests: int) -> list[float]:
    """Latencies of closed-loop clients, each with one connection; any refusal ends it."""
    latencies: list[float] = []
    turns = iter(range(requests))
    head = f"POST {asked.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
        for turn in turns:
            body, began = asked.bodies[turn % len(asked.bodies)], time.perf_counter()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer.lower())
            assert b" 200 " in answer.splitlines()[0], answer
            assert length, answer
            await reader.readexactly(int(length[1]))
            latencies.append(1000 * (time.perf_counter() - began))
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return latencies


def processor_seconds(pid: int) -> float:
    """Of a process and all its descendants, those that ended among them."""
    total = 0
    for number in descendants(pid):
        try:
            text = Path(f"/proc/{number}/stat").read_text("ascii").rpartition(") ")[2].split()
        except OSError:
            continue
        total += sum(int(text[k]) for k in (11, 12, 13, 14))
    return total / TICK


def descendants(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text("ascii").split():
            yield from descendants(int(child))


def measured(process: int, asked: Asked, clients: int, requests: int) -> Measured:
    asyncio.run(ask(asked, clients, 2 * clients))
    cpu, wall = processor_seconds(process), time.perf_counter()
    latencies = asyncio.run(ask(asked, clients, requests))
    cpu, wall = processor_seconds(process) - cpu, time.perf_counter() - wall
    return Measured(1000 * cpu / requests, requests / wall, latencies)


# ------------------------------------------------------------------------------------------ servers


@contextmanager
def running(command: list[str], port: int, path: str) -> Iterator[int]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                if process.poll() is not None:
                    sys.exit(f"{' '.join(command)} ended")
                if ready(port, path):
                    break
                time.sleep(0.1)
            yield process.pid
        finally:
            for pid in [*descendants(process.pid)][1:]:
                os.kill(pid, 15)
            process.terminate()
            process.wait(30)


def ready(port: int, path: str) -> bool:
    """Whether the server says so: some listen before their network is loaded."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def sides(given: argparse.Namespace, file: Path, folder: Path) -> dict[str, Any]:
    """Of each server: the command that starts it, the address, and its requests' bodies."""
    from striate.engines.exported import open_exported

    contents = [path.read_bytes() for path in sorted(Path(given.images).rglob("*.jpg"))[:64]]
    texts = [base64.b64encode(content).decode() for content in contents]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
    ours = [sys.executable, "-m", "striate", "serve", f"m={file}", "--engine", given.engine]
    found: dict[str, Any] = {
        "striate": ([*ours, "--port"], "/predict?top=1", contents),
    }
    exported = open_exported(file)
    graph, settings = folder / "graph.onnx", json.dumps(exported.preprocessing.to_dict())
    graph.write_bytes(exported.graph)
    for name, path, bodies in (
        ("litserve", "/predict", [{"image": text} for text in texts]),
        ("mlserver", "/v2/models/m/infer", [{"inputs": [{**tensor, "data": [t]}]} for t in texts]),
    ):
        python = getattr(given, name)
        if python:
            command = [python, str(SIDES), name, str(graph), settings]
            found[name] = (command, path, [json.dumps(body).encode() for body in bodies])
    return found


def exported(net: str, folder: Path) -> Path:
    """A network with random weights as `striate export` writes it."""
    import numpy as np
    import torch

    import striate
    from striate.data.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
    from striate.deploy.export import export_run

    torch.manual_seed(0)
    network = striate.create(net)
    size = 224
    config = SimpleNamespace(network=net, variant={}, identity="0" * 64, epochs=1)
    run: Any = SimpleNamespace(
        preprocessing=Preprocessing(
            resize=256, height=size, width=size, mean=IMAGENET_MEAN, std=IMAGENET_STD
        ),
        classes=tuple(f"class {k}" for k in range(1000)),
        config=config,
        epochs_done=1,
        network=network.eval,
    )
    noise = np.random.default_rng(0).integers(0, 256, (300, 260, 3), dtype=np.uint8)
    file = folder / f"{net}.onnx"
    export_run(run, file, [noise, noise[:260]], capture="trace")
    return file


def report(rounds: list[dict[str, Measured]]) -> list[dict[str, Any]]:
    """Medians, and the ratios of each round's processor times to ours and to the engine's."""
    rows = []
    for name in rounds[0]:
        each = [one[name] for one in rounds]
        clients = name.rpartition(" ")[2]
        alone = [one[name].cpu / one["engine alone"].cpu for one in rounds]
        row: dict[str, Any] = {
            "side": name,
            "cpu_ms": statistics.median(one.cpu for one in each),
            "rate": statistics.median(one.rate for one in each),
            "times_the_engine": statistics.median(alone),
        }
        if each[0].latencies:
            ours = [one[f"striate {clients}"].cpu / one[name].cpu for one in rounds]
            row |= {
                "ours_to_it": statistics.median(ours),
                "p50_ms": statistics.median(one.at(0.5) for one in each),
                "p99_ms": statistics.median(one.at(0.99) for one in each),
                "p99_times_mean": statistics.median(
                    one.at(0.99) / statistics.mean(one.latencies) for one in each
                ),
            }
        rows.append(row)
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--alone"]:
        engine_alone(*sys.argv[2:5], int(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images")
    parser.add_argument("--net", default="resnet50")
    parser.add_argument("--file")
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--clients", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litserve")
    parser.add_argument("--mlserver")
    parser.add_argument("--json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = Path(given.file) if given.file else exported(given.net, folder)
        rounds = []
        for _ in range(given.rounds):
            found = {"engine alone": measured_alone(given, file)}
            for side, (command, path, bodies) in sides(given, file, folder).items():
                port = free_port()
                asked = Asked(port, path, bodies)
                health = "/health" if side == "litserve" else "/v2/models/m/ready"
                with running([*command, str(port)], port, health) as process:
                    for clients in given.clients:
                        done = measured(process, asked, clients, given.requests)
                        found[f"{side} {clients}"] = done
            rounds.append(found)
    rows = report(rounds)
    heads = ("CPU ms", "a second", "times the engine", "ours to it", "p50", "p99", "p99 to mean")
    print(f"| side, clients | {' | '.join(heads)} |\n|---{'|---' * len(heads)}|")
    for row in rows:
        cells = [row["cpu_ms"], row["rate"], row["times_the_engine"]]
        cells += [row.get(key) for key in ("ours_to_it", "p50_ms", "p99_ms", "p99_times_mean")]
        shown = ["–" if cell is None else f"{cell:.2f}" for cell in cells]
        print(f"| {row['side']} | {' | '.join(shown)} |")
    if given.json:
        Path(given.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
