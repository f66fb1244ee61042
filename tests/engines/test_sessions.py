"""Every engine gives what PyTorch gives, in the order of the batches, and never waits for ever."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.engines import onnx_runtime
from striate.engines.choosing import open_graph, open_session
from striate.engines.openvino import in_parallel
from striate.engines.preprocessing.compose import before_alone
from striate.engines.session import BATCH, Session
from striate.errors import DataError, ExportError
from striate.support import processors

from .conftest import PREPROCESSING, Untraceable, make_pixels  # type: ignore[import-not-found]

EVERY = [
    ("torch", "float32", 1e-6),
    ("torch", "bfloat16", 0.03),
    ("onnxruntime", "float32", 1e-6),
    ("openvino", "float32", 1e-6),
    ("openvino", "bfloat16", 0.03),
]


def opened(engine: str, precision: str = "float32", **options: int) -> Session:
    if engine != "torch":
        pytest.importorskip(engine)
    return open_session(Untraceable(), PREPROCESSING, engine, precision, **options)


def right(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network gives, computed by hand."""
    scaled = (pixels / 255 - np.array(PREPROCESSING.mean)) / np.array(PREPROCESSING.std)
    with torch.inference_mode():
        return Untraceable().eval()(torch.tensor(scaled).permute(0, 3, 1, 2).float()).numpy()


def split(pixels: NDArray[np.uint8], size: int = BATCH) -> list[NDArray[np.uint8]]:
    return [pixels[first : first + size] for first in range(0, len(pixels), size)]


@pytest.mark.parametrize(("engine", "precision", "close"), EVERY)
def test_engines_agree_in_order_whatever_the_batches(
    engine: str, precision: str, close: float
) -> None:
    pixels = make_pixels(5 * BATCH + 3)
    with opened(engine, precision) as session:
        assert (session.name, session.batch_size) == (f"{engine} {precision}", BATCH)
        for batches in (split(pixels), split(pixels, 3), split(pixels[:1])):
            found = list(session.run(batches))
            assert [answer.shape for answer in found] == [(len(each), 2) for each in batches]
            assert all(answer.dtype == np.float32 for answer in found)
            expected = right(np.concatenate(batches))
            np.testing.assert_allclose(np.concatenate(found), expected, atol=close)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_nothing_in_nothing_out(engine: str) -> None:
    with opened(engine) as session:
        assert list(session.run([])) == []
        one = make_pixels(1)
        found = list(session.run([one[:0], one, one[:0], one[:0], one]))
        assert [len(answer) for answer in found] == [0, 1, 0, 0, 1]
        both = np.concatenate([found[1], found[4]])
        np.testing.assert_allclose(both, right(one.repeat(2, 0)), atol=1e-6)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_an_endless_input_is_asked_for_little_and_left_without_a_trace(engine: str) -> None:
    asked: list[int] = []

    def frames() -> Iterator[NDArray[np.uint8]]:
        try:
            for number in range(10_000):
                asked.append(number)
                yield make_pixels(BATCH, seed=number)
        finally:
            asked.append(-1)

    with opened(engine) as session:
        before = threading.active_count()
        answers = session.run(frames())
        first = next(answers)
        np.testing.assert_allclose(first, right(make_pixels(BATCH, seed=0)), atol=1e-5)
        assert len(asked) < 200  # a few for each processor
        answers.close()
        del answers
        assert asked[-1] == -1, "the input was not closed"
        assert threading.active_count() == before
        again = list(session.run([make_pixels(2, seed=7)]))  # all that computes is free again
        np.testing.assert_allclose(again[0], right(make_pixels(2, seed=7)), atol=1e-5)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
def test_what_is_wrong_with_an_image_is_told_and_nothing_else(engine: str) -> None:
    def batches() -> Iterator[NDArray[np.uint8]]:
        yield make_pixels(BATCH)
        raise DataError("an image", "cannot be read any more")

    with opened(engine) as session:
        with pytest.raises(DataError, match="cannot be read any more"):
            list(session.run(batches()))
        assert len(next(session.run([make_pixels(2)]))) == 2


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_graph_that_resizes_takes_every_size(engine: str) -> None:
    pytest.importorskip(engine)
    preprocessing = Preprocessing(resize=10, height=8, width=8, mean=(0.5,) * 3, std=(0.5,) * 3)
    graph = before_alone(preprocessing, 18).SerializeToString()
    batches = [make_pixels(2, (20, 30)), make_pixels(1, (33, 17)), make_pixels(4, (20, 30))]
    with open_graph(graph, engine, batch_size=4) as session:
        found = list(session.run(batches))
    for answer, pixels in zip(found, batches, strict=True):
        expected = [preprocessing.fit_image(image) for image in pixels]
        np.testing.assert_array_equal(answer.transpose(0, 2, 3, 1), np.stack(expected))


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_what_is_no_graph_is_said_in_one_line(engine: str) -> None:
    pytest.importorskip(engine)
    with pytest.raises(ExportError, match="cannot run it") as caught:
        open_graph(b"no graph", engine)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_pixels_of_another_size_are_said_in_one_line(engine: str) -> None:
    with opened(engine) as session, pytest.raises(ExportError, match="cannot run it") as caught:
        list(session.run([make_pixels(BATCH, (5, 5))]))
    assert "\n" not in str(caught.value)


def test_pytorch_computes_with_the_network_itself_where_it_is_told_to() -> None:
    network = Untraceable().train()
    session = open_session(network, PREPROCESSING, "torch", device="cpu", batch_size=64)
    assert session.batch_size == 64
    assert not network.training
    before = next(session.run([make_pixels(3)]))
    with torch.no_grad():
        network.classifier.bias.add_(1)
    np.testing.assert_allclose(next(session.run([make_pixels(3)])), before + 1, atol=1e-6)


# --- several batches at a time in OpenVINO --------------------------------------------------------


class Slow:
    """A request of OpenVINO's that answers with what it was given."""

    def __init__(self) -> None:
        self.running = self.cancelled = False

    def start_async(self, inputs: Mapping[int, NDArray[np.uint8]]) -> None:
        assert not self.running
        self.running, self.given = True, inputs[0]

    def wait(self) -> None:
        self.running = False
        if self.cancelled:  # as OpenVINO does
            raise RuntimeError("Infer Request was canceled")

    def cancel(self) -> None:
        self.cancelled = True

    def get_output_tensor(self, _index: int) -> Slow:
        return self

    @property
    def data(self) -> NDArray[np.float32]:
        assert not self.running
        return self.given[:, 0, 0].astype(np.float32)


def fed(pixels: NDArray[np.uint8]) -> tuple[int, Mapping[int, NDArray[np.uint8]]]:
    return len(pixels), {0: pixels}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_answers_come_in_order_and_as_many_as_there_were_images(count: int) -> None:
    pixels = np.arange(count * BATCH - 3 * (count > 0)).astype(np.uint8)
    batches = split(pixels[:, None, None, None].repeat(3, -1))
    answers = list(in_parallel([Slow(), Slow(), Slow()], map(fed, batches)))
    assert [len(answer) for answer in answers] == [len(batch) for batch in batches]
    if count:
        np.testing.assert_array_equal(np.concatenate(answers)[:, 0], pixels)


def test_empty_batches_hold_up_nothing() -> None:
    full, empty = np.zeros((BATCH, 1, 1, 3), np.uint8), np.zeros((0, 1, 1, 3), np.uint8)
    answers = in_parallel([Slow(), Slow()], map(fed, repeat(empty)))
    assert [len(next(answers)) for _ in range(5)] == [0] * 5
    answers.close()
    mixed = [full, empty, empty, full, full, empty, full]
    found = list(in_parallel([Slow(), Slow()], map(fed, mixed)))
    assert [len(answer) for answer in found] == [len(each) for each in mixed]


def test_who_wants_no_more_leaves_nothing_running() -> None:
    requests = [Slow(), Slow(), Slow()]
    answers = in_parallel(requests, map(fed, repeat(np.zeros((BATCH, 1, 1, 3), np.uint8))))
    next(answers)
    assert any(each.running for each in requests)
    answers.close()
    assert not any(each.running for each in requests)


ROUNDS = """
import faulthandler, sys
sys.path.insert(0, sys.argv[1])
from conftest import PREPROCESSING, make_pixels
from torch import nn
from striate.engines import onnx_runtime
from striate.engines.choosing import open_session
faulthandler.dump_traceback_later(100, exit=True)
sys.setswitchinterval(5)  # who asks for Python's lock waits for long: the unlucky order is common
layers = [nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]
for _ in range(int(sys.argv[2])):
    with open_session(nn.Sequential(*layers), PREPROCESSING, "openvino") as session:
        list(session.run([make_pixels(8)]))
print("done")
"""


@pytest.mark.slow
def test_an_engine_ends_with_its_last_batch() -> None:
    """A lock that its threads wanted while it was taken apart stopped nearly every such round."""
    pytest.importorskip("openvino")
    given = [str(Path(__file__).parent), "8"]
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS, *given], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


CTRL_C = """
import faulthandler, gc, os, signal, time

from onnx import TensorProto, helper

from striate.engines.openvino import OpenVinoSession

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
# What puts a stack for signal handlers on the main thread before an engine does.
faulthandler.enable()
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
node = helper.make_node("Relu", ["x"], ["y"])
graph = helper.make_graph([node], "graph", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
sessions = [OpenVinoSession(model.SerializeToString(), batch_size=1) for _ in range(2)]
for _ in range(2):
    sessions.pop(0).close()
gc.collect()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("heard")
"""


def test_ctrl_c_is_heard_after_several_sessions() -> None:
    pytest.importorskip("openvino")
    run = [sys.executable, "-c", CTRL_C]
    found = subprocess.run(run, check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "heard\n"), found.stderr


@pytest.mark.parametrize("vnni", [True, False])
def test_onnx_runtime_adds_bytes_in_32_bits_where_the_processor_does_not(
    monkeypatch: pytest.MonkeyPatch, vnni: bool
) -> None:
    """With VNNI the setting would cost half of the speed."""
    runtime = pytest.importorskip("onnxruntime")
    told: list[tuple[str, str]] = []

    class Options(runtime.SessionOptions):  # type: ignore[misc]
        def add_session_config_entry(self, key: str, value: str) -> None:
            told.append((key, value))

    monkeypatch.setattr(runtime, "SessionOptions", Options)
    monkeypatch.setattr(onnx_runtime, "is_known_to_have_vnni", lambda: vnni)
    with suppress(ExportError):  # this is no graph
        onnx_runtime.OnnxRuntimeSession(b"", batch_size=1)
    assert (("session.x64quantprecision", "1") in told) is not vnni


def test_what_linux_says_of_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, expected in (
        ("flags\t\t: fpu avx512f avx512_vnni amx", True),
        ("flags\t\t: avx2 avx_vnni", True),
        ("flags\t\t: avx2 avx512_vnni2", False),
        (None, False),
    ):

        def read(*_: object, said: str | None = told, **__: object) -> str:
            if said is None:
                raise FileNotFoundError
            return said

        monkeypatch.setattr(processors.Path, "read_text", read)
        assert processors.is_known_to_have_vnni.__wrapped__() is expected
