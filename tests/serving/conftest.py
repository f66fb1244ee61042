"""Small files that classify by mean colour, and services of them in a thread."""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import Preprocessing
from striate.serving.options import ServeOptions
from striate.serving.service import Service

CLASSES = ("red", "“green” <b>", "蓝色")
PREPROCESSING = Preprocessing(
    resize=36, height=32, width=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
)
SHARPNESS = 0.05


def write_file(
    path: Path,
    *,
    classes: tuple[str, ...] = CLASSES,
    any_size: bool = False,
    sharpness: float = SHARPNESS,
) -> Path:
    """An ONNX file as `striate export` writes them: softmax of a picture's mean colour."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    height, width = ("height", "width") if any_size else (32, 32)
    image = helper.make_tensor_value_info("image", kinds.UINT8, ["batch", height, width, 3])
    answer = helper.make_tensor_value_info("probabilities", kinds.FLOAT, ["batch", len(classes)])
    turn = np.eye(3, len(classes), dtype=np.float32) * np.float32(sharpness)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["numbers"], to=kinds.FLOAT),
            helper.make_node("ReduceMean", ["numbers", "axes"], ["colour"], keepdims=0),
            helper.make_node("MatMul", ["colour", "turn"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "colours",
        [image],
        [answer],
        [
            onnx.numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            onnx.numpy_helper.from_array(turn, "turn"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(
        model,
        {
            "classes": json.dumps(list(classes)),
            "preprocessing": json.dumps(PREPROCESSING.to_dict()),
        },
    )
    path.write_bytes(model.SerializeToString())
    return path


def expected(image: NDArray[np.uint8], *, fitted: bool = True) -> NDArray[np.float64]:
    """What the file of `write_file` makes of the pixels of a picture, by NumPy."""
    pixels = PREPROCESSING.fit_image(image) if fitted else image
    logits = SHARPNESS * pixels.mean((0, 1), dtype=np.float64)
    powers = np.exp(logits - logits.max())
    found: NDArray[np.float64] = powers / powers.sum()
    return found


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture whose mean colour differs from seed to seed."""
    rng = np.random.default_rng(seed)
    colour = rng.integers(40, 215, 3)
    found = np.clip(colour + rng.normal(0, 20, (height, width, 3)), 0, 255)
    return found.astype(np.uint8)


def as_file(image: NDArray[np.uint8], kind: str = "PNG", **settings: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **settings)
    return buffer.getvalue()


class Client:
    """What a plain client does, by Python's own library."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.place = urlsplit(address).netloc

    def connection(self, timeout: float = 20) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.place, timeout=timeout)

    def __call__(
        self,
        path: str,
        body: Any = None,
        *,
        method: str = "",
        **headers: str,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, and body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self.connection()
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def json(self, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of a request that succeeds."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        status, _, content = self(path, body, **headers)
        assert status == 200, content
        return json.loads(content)

    def refused(self, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and sentence of a request that is refused."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        status, _, content = self(path, body, **headers)
        assert status >= 400, content
        return status, json.loads(content)["error"]


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    return write_file(tmp_path_factory.mktemp("served") / "colours.onnx")


@pytest.fixture
def serve(file: Path) -> Iterator[Callable[..., tuple[Service, Client]]]:
    """Starts a service of `file`, or of other models, in a thread of its own."""
    running: list[tuple[Service, threading.Thread]] = []

    def start(models: Any = None, **options: Any) -> tuple[Service, Client]:
        given = ServeOptions(file if models is None else models, port=0, **options)
        service = Service(given)
        thread = threading.Thread(target=service.run)
        thread.start()
        running.append((service, thread))
        return service, Client(service.address)

    yield start
    for service, thread in running:
        service.stop()
        thread.join(30)
        assert not thread.is_alive(), "the service did not end"
        service.close()


@pytest.fixture(scope="session")
def shared(file: Path) -> Iterator[Client]:
    """A client of a service that all tests share which change nothing of it."""
    service = Service(ServeOptions(file, port=0))
    thread = threading.Thread(target=service.run)
    thread.start()
    yield Client(service.address)
    service.stop()
    thread.join(30)
    service.close()
